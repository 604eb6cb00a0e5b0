/** The process that reads credentials for `libraryAccess` of library-access.ts, which starts it and says why there is one. */
import { answerInProcess } from './library-access.ts';

void answerInProcess();
