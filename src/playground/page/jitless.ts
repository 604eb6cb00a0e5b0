/** zod makes functions of texts where it may, which the page's policy forbids: it must not even try. */
import { config } from 'zod';

config({ jitless: true });
