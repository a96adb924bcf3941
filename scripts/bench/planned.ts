/** What a script of the bench was asked for, or its end with 2 and the reason. */
export function plannedOrRefused<Plan>(planOf: (args: readonly string[]) => Plan): Plan {
  try {
    return planOf(process.argv.slice(2));
  } catch (error) {
    console.error((error as Error).message);
    return process.exit(2);
  }
}
