import { readCertificate as read } from '../../src/certificate/reading.ts';
import { readOnce } from './read-once.ts';

/** In place of src/certificate/reading.ts. */
export const readCertificate = readOnce(read);
