// Entry of the store's worker thread.
import { runStoreWorker } from '../store/worker.io.ts';

runStoreWorker();
