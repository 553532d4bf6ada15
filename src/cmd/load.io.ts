// podlan load: images from files to every node of the cluster (they share one image directory).
import { join } from 'node:path';
import { UserError } from '../cli/errors.ts';
import { loadImage } from '../kubelet/image/load.io.ts';
import { openProgress } from './progress.io.ts';
import { requireSettings } from './state.io.ts';

export async function load(
  files: readonly string[],
  options: { name: string; output: 'text' | 'json' },
): Promise<number> {
  const settings = requireSettings(options.name);
  const progress = openProgress(process.stderr, options.output === 'json');
  const loaded: { file: string; names: string[]; digest: string }[] = [];
  try {
    for (const file of files) {
      progress.set(file, 'working', 'unpacking');
      const { names, digest } = await loadImage(file, join(settings.stateDir, 'images')).catch((error: unknown) => {
        progress.set(file, 'failed', 'not loaded');
        throw new UserError(`${file}: ${error instanceof Error ? error.message : String(error)}`);
      });
      progress.set(file, 'done', `${names.join(', ')} ${digest}`);
      loaded.push({ file, names, digest });
    }
  } finally {
    progress.close();
  }
  if (options.output === 'json') process.stdout.write(`${JSON.stringify(loaded, null, 2)}\n`);
  return 0;
}
