/** Why a script does not do what it is asked to; the message is all that there is to tell. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}
