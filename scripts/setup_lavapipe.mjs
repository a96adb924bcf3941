// Mesa's software Vulkan driver (lavapipe), which has float16, as Chromium's has not: unpacked below .vscode-test/, never installed. Debian's
// packages only, of this system's own release or its backports; elsewhere, or where they cannot be had, there is none.
//   node scripts/setup_lavapipe.mjs
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { run, testHome } from './tools.mjs';

const PACKAGE = 'mesa-vulkan-drivers';
/** onnxruntime 1.30 refuses the driver of Mesa 22.3. */
const OLDEST = 24;
const home = path.join(testHome, 'lavapipe');

/** What a process needs in its environment to use the driver, or undefined where there is none. */
export async function lavapipeEnvironment(say = console.log) {
  if (process.platform !== 'linux') return undefined;
  const icd = path.join(home, 'lvp_icd.json');
  if (!existsSync(icd)) {
    try {
      await unpack(icd, say);
    } catch (error) {
      say(`Mesa's software driver cannot be had: ${error.message.split('\n')[0]}`);
      return undefined;
    }
  }
  return { VK_DRIVER_FILES: icd, LD_LIBRARY_PATH: libraries() };
}

const libraries = () =>
  path.join(home, 'root', 'usr', 'lib', `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`);

async function unpack(icd, say) {
  if (!existsSync('/usr/bin/apt-get')) throw new Error('this system has no apt-get');
  rmSync(home, { recursive: true, force: true });
  for (const folder of ['lists/partial', 'archives/partial', 'root'])
    mkdirSync(path.join(home, folder), { recursive: true });
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  const apt = [
    '-o',
    `Dir::State::lists=${path.join(home, 'lists')}`,
    '-o',
    `Dir::Cache::archives=${path.join(home, 'archives')}`,
  ];
  const fetched = async (what, args) => {
    say(`Mesa's software driver: ${what}`);
    const lines = [];
    if ((await run('apt-get', [...apt, ...args], { onLine: (line) => lines.push(line) })) !== 0)
      throw new Error(`${what}: ${lines.at(-1)}`);
  };
  // Where this system's packages come from, its backports come from too.
  const sources = execFileSync(
    'apt-get',
    ['indextargets', '--format', '$(REPO_URI) $(CODENAME)', 'Created-By: Packages', 'Component: main'],
    {
      encoding: 'utf8',
    },
  );
  const uri = sources
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, release]) => release === codename)?.[0];
  if (uri === undefined) throw new Error(`no package source of ${codename} was found`);
  const list = path.join(home, 'sources.list');
  writeFileSync(list, `deb ${uri} ${codename} main\ndeb ${uri} ${codename}-backports main\n`);
  apt.push('-o', `Dir::Etc::sourcelist=${list}`, '-o', 'Dir::Etc::sourceparts=/dev/null');
  await fetched('looking for packages', ['update']);
  // Of the release itself, unless that is too old.
  const policy = execFileSync('apt-cache', [...apt, 'policy', PACKAGE], { encoding: 'utf8' });
  const candidate = Number(/Candidate: (?:\d+:)?(\d+)\./.exec(policy)?.[1] ?? 0);
  const release = candidate >= OLDEST ? [] : ['-t', `${codename}-backports`];
  await fetched('fetching it', [
    ...release,
    'install',
    '--download-only',
    '--reinstall',
    '--yes',
    '--no-install-recommends',
    PACKAGE,
    'libvulkan1',
  ]);

  const archives = path.join(home, 'archives');
  for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb')))
    execFileSync('dpkg-deb', ['--extract', path.join(archives, file), path.join(home, 'root')]);
  const driver = path.join(libraries(), 'libvulkan_lvp.so');
  if (!existsSync(driver)) throw new Error(`${PACKAGE} has no libvulkan_lvp.so`);
  for (const folder of ['lists', 'archives']) rmSync(path.join(home, folder), { recursive: true });
  writeFileSync(
    icd,
    JSON.stringify({ file_format_version: '1.0.0', ICD: { library_path: driver, api_version: '1.3.0' } }),
  );
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const env = await lavapipeEnvironment();
  if (env === undefined) process.exitCode = 1;
  else for (const [name, value] of Object.entries(env)) console.log(`export ${name}=${value}`);
}
