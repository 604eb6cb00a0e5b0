/** The process that reads credentials for `findAccess` of access.ts, which starts it and says why there is one. */
import { answerInProcess } from './access.ts';

void answerInProcess();
