/** Every command of the extension; `package.json` contributes exactly these (a test compares). */
export const COMMANDS = [
  'latro.openStarter',
  'latro.chooseModel',
  'latro.trainOnDataset',
  'latro.evaluate',
  'latro.sampleQuestion',
  'latro.showRationales',
  'latro.previewPrompt',
  'latro.addNote',
  'latro.editNote',
  'latro.saveNote',
  'latro.cancelNote',
  'latro.deleteNote',
  'latro.useModel',
  'latro.pauseRun',
  'latro.stopRun',
  'latro.resumeRun',
  'latro.rollBack',
  'latro.exportRun',
  'latro.compare',
  'latro.compareAny',
  'latro.openRunDashboard',
  'latro.openSelectedRun',
  'latro.pull',
  'latro.convertToJsonLines',
  'latro.setHubToken',
  'latro.clearHubToken',
  'latro.openLog',
  'latro.diagnose',
  'latro.openWalkthrough',
] as const;
export type CommandId = (typeof COMMANDS)[number];

/** One handler per command. Arguments come from menus and links, so a handler must expect anything. */
export type CommandHandlers = Readonly<Record<CommandId, (argument: unknown) => Promise<void>>>;
