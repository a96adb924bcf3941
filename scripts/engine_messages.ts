/**
 * Every sentence the engine may say to a person, as a template with numbered holes ("There is no file {0}."), collected from its source:
 * reasons and next steps of errors, problems of rows, requirements of settings, states of runs. The engine speaks English and knows
 * nothing of translations; l10n/bundle.l10n.*.json must have each of these (test/unit/extension_l10n.test.ts), and the extension
 * recognises them when it shows them (src/extension/common/engine_text.ts).
 *   npx tsx scripts/engine_messages.ts            lists them
 */
import path from 'node:path';
import * as ast from 'typescript/unstable/ast';
import { API, type Checker, type Program, SymbolFlags } from 'typescript/unstable/sync';

const ROOT = path.resolve(import.meta.dirname, '..');
/** Who speaks to a window. The command line speaks English to its terminal, and the tools to a language model. */
const SPEAKERS = ['src/engine/', 'src/protocol/', 'src/extension/'];
const SILENT = ['src/extension/tools/'];
/** Members of object literals that are said to people. */
const SAID_MEMBERS = new Set([
  'reason',
  'statusReason',
  'nextStep',
  'message',
  'title',
  'explanation',
  'advice',
  'why',
]);
/** Values that one expression may have before it counts as unknown. */
const MOST_VARIANTS = 200;

/** A sentence with fewer words of its own, such as "{0}: {1}.", is recognised with what stands in its holes. */
const FEWEST_WORDS = 2;

/** English, where other values are names of settings and formats. */
const WORD = /^[a-z]{4,}$/;

type Part = string | ast.Node;
/** Texts and, between them, expressions whose value is known only at run time. */
type Template = readonly Part[];

export interface EngineMessages {
  /** In order of the alphabet. */
  readonly templates: readonly string[];
  /** Arguments of errors of which nothing is known but where they stand: "src/file.ts: expression". */
  readonly unknown: readonly string[];
}

/** Reads the sources of the project; takes some seconds. */
export function collectEngineMessages(): EngineMessages {
  const api = new API({ cwd: ROOT });
  try {
    const snapshot = api.updateSnapshot({ openProjects: [path.join(ROOT, 'tsconfig.json')] });
    const project = snapshot.getProjects()[0];
    if (project === undefined) throw new Error('tsconfig.json names no project');
    return new Collector(project.program, project.checker).collect();
  } finally {
    api.close();
  }
}

class Collector {
  readonly #checker: Checker;
  readonly #files: readonly { readonly name: string; readonly file: ast.SourceFile }[];
  readonly #calls = new Map<string, (ast.CallExpression | ast.NewExpression)[]>();
  readonly #assignments = new Map<string, ast.BinaryExpression[]>();
  readonly #evaluating = new Set<ast.Node>();
  readonly #chased = new Set<ast.Node>();
  readonly #templates = new Set<string>();
  readonly #unknown = new Set<string>();

  constructor(program: Program, checker: Checker) {
    this.#checker = checker;
    this.#files = program.getSourceFileNames().flatMap((fileName) => {
      const name = path.relative(ROOT, fileName).split(path.sep).join('/');
      const file = name.startsWith('src/') ? program.getSourceFile(fileName) : undefined;
      return file === undefined ? [] : [{ name, file }];
    });
  }

  collect(): EngineMessages {
    for (const { file } of this.#files) visit(file, (node) => this.#index(node));
    for (const { name, file } of this.#files) {
      const speaks =
        SPEAKERS.some((folder) => name.startsWith(folder)) && !SILENT.some((folder) => name.startsWith(folder));
      if (speaks) visit(file, (node) => this.#listen(node, name));
    }
    return { templates: [...this.#templates].sort(), unknown: [...this.#unknown].sort() };
  }

  #index(node: ast.Node): void {
    if (ast.isCallExpression(node) || ast.isNewExpression(node)) {
      push(this.#calls, calledName(node), node);
    } else if (ast.isBinaryExpression(node) && node.operatorToken.kind === ast.SyntaxKind.EqualsToken) {
      if (ast.isIdentifier(node.left)) push(this.#assignments, node.left.text, node);
    }
  }

  /** Takes down what is said at this node, if it is one where something is said. */
  #listen(node: ast.Node, name: string): void {
    if (ast.isNewExpression(node)) {
      const called = calledName(node);
      const said = called === 'LatroError' ? node.arguments?.slice(1, 3) : isError(called) ? node.arguments : [];
      for (const argument of said ?? []) this.#say(argument, called === 'LatroError' ? name : undefined);
    } else if (name.startsWith('src/extension/') && !name.startsWith('src/extension/engine/')) {
      // What else is said there goes through `l10n.t`.
    } else if (ast.isPropertyAssignment(node)) {
      const isName = node.name.getText() === 'title' && name.includes('/formats/');
      if (SAID_MEMBERS.has(node.name.getText()) && !isName) this.#say(node.initializer);
    } else if (ast.isShorthandPropertyAssignment(node)) {
      if (SAID_MEMBERS.has(node.name.getText())) this.#say(node.name);
    } else if (ast.isCallExpression(node) && isValidator(node)) {
      for (const argument of node.arguments) this.#say(argument);
    } else if (ast.isCallExpression(node) && calledName(node) === 'close') {
      for (const argument of node.arguments.slice(1)) this.#say(argument);
    }
  }

  #say(expression: ast.Node, where?: string): void {
    for (const template of this.#evaluate(expression)) {
      if (where !== undefined && template.every((part) => typeof part !== 'string')) {
        this.#unknown.add(`${where}: ${expression.getText().replaceAll(/\s+/g, ' ')}`);
      }
      this.#add(template);
    }
  }

  #add(template: Template): void {
    const key = keyOf(template);
    if (wordsOf(key) < FEWEST_WORDS) {
      const filled = this.#filled(template);
      if (filled !== undefined) {
        for (const each of filled) this.#add(each);
        return;
      }
    }
    // A single word in small letters is a name: of a field, a file, a kind.
    if (/[a-z]{2}/.test(key.replaceAll(/\{\d+\}/g, '')) && /\S \S|^[A-Z]/.test(key)) this.#templates.add(key);
    for (const hole of template) {
      if (typeof hole === 'string' || this.#chased.has(hole)) continue;
      this.#chased.add(hole);
      for (const value of this.#evaluate(hole)) {
        if (value[0] !== hole) this.#add(value);
      }
    }
  }

  /** With texts put into its holes; undefined where none is known for any. */
  #filled(template: Template): Template[] | undefined {
    let known = false;
    let found: Template[] = [[]];
    for (const part of template) {
      const values = typeof part === 'string' ? [[part]] : this.#evaluate(part);
      if (typeof part !== 'string' && values.some((value) => wordsOf(keyOf(value)) > 0)) known = true;
      found = found.flatMap((before) => values.map((value) => [...before, ...value]));
    }
    return known && found.length <= MOST_VARIANTS ? found : undefined;
  }

  /** The templates of the values an expression may have; itself where nothing is known. */
  #evaluate(node: ast.Node): Template[] {
    if (this.#evaluating.has(node)) return [[node]];
    this.#evaluating.add(node);
    try {
      const found = this.#valuesOf(node);
      return found.length > MOST_VARIANTS ? [[node]] : found;
    } finally {
      this.#evaluating.delete(node);
    }
  }

  #valuesOf(node: ast.Node): Template[] {
    if (ast.isStringLiteral(node) || ast.isNoSubstitutionTemplateLiteral(node)) return [[node.text]];
    if (ast.isTemplateExpression(node)) return this.#joined(node);
    if (ast.isConditionalExpression(node)) {
      return [...this.#evaluate(node.whenTrue), ...this.#evaluate(node.whenFalse)];
    }
    if (ast.isParenthesizedExpression(node) || ast.isAsExpression(node) || ast.isNonNullExpression(node)) {
      return this.#evaluate(node.expression);
    }
    if (ast.isBinaryExpression(node)) {
      const { QuestionQuestionToken, BarBarToken } = ast.SyntaxKind;
      const { kind } = node.operatorToken;
      if (kind === QuestionQuestionToken || kind === BarBarToken) {
        return [...this.#evaluate(node.left), ...this.#evaluate(node.right)];
      }
      return [[node]];
    }
    if (ast.isIdentifier(node)) return this.#valuesOfName(node);
    if (ast.isElementAccessExpression(node)) return this.#valuesOfMembers(node);
    if (ast.isCallExpression(node)) return this.#valuesOfCall(node);
    return [[node]];
  }

  /** Choices between texts make sentences of their own; other expressions stay holes. */
  #joined(node: ast.TemplateExpression): Template[] {
    let found: Template[] = [[node.head.text]];
    for (const span of node.templateSpans) {
      const values = isChoice(span.expression) ? this.#evaluate(span.expression) : this.#kindsOf(span);
      found = found.flatMap((before) => values.map((value) => [...before, ...value, span.literal.text]));
    }
    return found;
  }

  /** A value that is one word or another, such as "model" and "dataset", makes two sentences: a language has its own for both. */
  #kindsOf({ expression, literal }: ast.TemplateSpan): Template[] {
    const type = this.#checker.getTypeAtLocation(expression);
    const kinds = type?.isUnionType() ? type.getTypes() : [];
    const words = kinds.flatMap((kind) => (kind.isStringLiteralType() && WORD.test(kind.value) ? [[kind.value]] : []));
    const isWord = words.length === 2 && kinds.length === 2 && literal.text.startsWith(' ');
    return isWord ? words : [[expression]];
  }

  #valuesOfName(node: ast.Identifier): Template[] {
    const declaration = this.#declarationOf(node);
    if (declaration === undefined) return [[node]];
    if (ast.isVariableDeclaration(declaration)) {
      if (!ast.isIdentifier(declaration.name)) return [[node]];
      const later = (this.#assignments.get(node.text) ?? []).filter(
        ({ left }) => this.#declarationOf(left as ast.Identifier) === declaration,
      );
      const values = [declaration.initializer, ...later.map(({ right }) => right)].filter((each) => each !== undefined);
      return values.length === 0 ? [[node]] : values.flatMap((value) => this.#evaluate(value));
    }
    return ast.isParameterDeclaration(declaration) ? this.#valuesOfParameter(node, declaration) : [[node]];
  }

  #valuesOfParameter(node: ast.Node, parameter: ast.ParameterDeclaration): Template[] {
    const owner = parameter.parent as ast.SignatureDeclaration;
    const index = owner.parameters.indexOf(parameter);
    const name = nameOf(owner);
    const calls = (name === undefined ? [] : (this.#calls.get(name) ?? [])).filter((call) =>
      this.#isCallOf(call, owner),
    );
    const given = calls.flatMap((call) => call.arguments?.[index] ?? parameter.initializer ?? []);
    return given.length === 0 ? [[node]] : given.flatMap((each) => this.#evaluate(each));
  }

  /** `REASONS[code]`: any of its texts. */
  #valuesOfMembers(node: ast.ElementAccessExpression): Template[] {
    const declaration = ast.isIdentifier(node.expression) ? this.#declarationOf(node.expression) : undefined;
    if (declaration === undefined || !ast.isVariableDeclaration(declaration)) return [[node]];
    const { initializer } = declaration;
    if (initializer === undefined || !ast.isObjectLiteralExpression(initializer)) return [[node]];
    const members = initializer.properties.filter((each) => ast.isPropertyAssignment(each));
    return members.length === 0 ? [[node]] : members.flatMap((each) => this.#evaluate(each.initializer));
  }

  #valuesOfCall(node: ast.CallExpression): Template[] {
    if (/\bl10n\.t$/.test(node.expression.getText())) return [];
    const { expression } = node;
    const callee = ast.isPropertyAccessExpression(expression) ? expression.name : expression;
    const declaration = ast.isIdentifier(callee) ? this.#declarationOf(callee) : undefined;
    const body = declaration === undefined ? undefined : bodyOf(declaration);
    if (body === undefined) return [[node]];
    if (!ast.isBlock(body)) return this.#evaluate(body);
    const results: ast.Expression[] = [];
    visit(body, (each) => {
      if (ast.isReturnStatement(each) && each.expression !== undefined) results.push(each.expression);
    });
    return results.length === 0 ? [[node]] : results.flatMap((each) => this.#evaluate(each));
  }

  #isCallOf(call: ast.CallExpression | ast.NewExpression, owner: ast.Node): boolean {
    const { expression } = call;
    const callee = ast.isPropertyAccessExpression(expression) ? expression.name : expression;
    const declaration = this.#declarationOf(callee);
    if (declaration === undefined) return false;
    if (declaration === owner) return true;
    if (ast.isConstructorDeclaration(owner)) return declaration === owner.parent;
    return ast.isVariableDeclaration(declaration) && declaration.initializer === owner;
  }

  #declarationOf(node: ast.Node): ast.Node | undefined {
    let symbol =
      node.parent !== undefined && ast.isShorthandPropertyAssignment(node.parent)
        ? this.#checker.getShorthandAssignmentValueSymbol(node.parent)
        : this.#checker.getSymbolAtLocation(node);
    if (symbol !== undefined && symbol.flags & SymbolFlags.Alias) symbol = this.#checker.getAliasedSymbol(symbol);
    const handle = symbol?.valueDeclaration;
    return handle?.path.includes('/src/') ? handle.resolve() : undefined;
  }
}

function visit(node: ast.Node, action: (node: ast.Node) => void): void {
  action(node);
  node.forEachChild((child) => visit(child, action));
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** The last name of what is called: `fail` of `this.#fail(…)`. */
function calledName({ expression }: ast.CallExpression | ast.NewExpression): string {
  return ast.isPropertyAccessExpression(expression) ? expression.name.getText() : expression.getText();
}

const isError = (className: string): boolean => /^(Field|Json)\w*(Problem|Failure|Error)$/.test(className);

/** `v.minValue(2, 'must be …')`. */
const isValidator = ({ expression }: ast.CallExpression): boolean =>
  ast.isPropertyAccessExpression(expression) &&
  expression.expression.getText() === 'v' &&
  /^(min|max|gt|lt|regex|integer|number|check)/.test(expression.name.getText());

const isChoice = (node: ast.Node): boolean =>
  ast.isConditionalExpression(ast.isParenthesizedExpression(node) ? node.expression : node);

function nameOf(owner: ast.Node): string | undefined {
  if (ast.isFunctionDeclaration(owner) || ast.isMethodDeclaration(owner)) return owner.name?.getText();
  if (ast.isConstructorDeclaration(owner)) return (owner.parent as ast.ClassDeclaration).name?.getText();
  const { parent } = owner;
  return parent !== undefined && ast.isVariableDeclaration(parent) ? parent.name.getText() : undefined;
}

function bodyOf(declaration: ast.Node): ast.Node | undefined {
  if (ast.isFunctionDeclaration(declaration) || ast.isMethodDeclaration(declaration)) return declaration.body;
  if (!ast.isVariableDeclaration(declaration)) return undefined;
  const { initializer } = declaration;
  return initializer !== undefined && (ast.isArrowFunction(initializer) || ast.isFunctionExpression(initializer))
    ? initializer.body
    : undefined;
}

/** "There is no file {0}." */
function keyOf(template: Template): string {
  let holes = 0;
  return template.map((part) => (typeof part === 'string' ? part : `{${holes++}}`)).join('');
}

const wordsOf = (key: string): number => key.replaceAll(/\{\w*\}/g, ' ').match(/[a-z]{2,}/gi)?.length ?? 0;

if (process.argv[1] === import.meta.filename) {
  const { templates, unknown } = collectEngineMessages();
  for (const template of templates) console.log(JSON.stringify(template));
  console.error(`${templates.length} templates; unknown:\n${unknown.join('\n')}`);
}
