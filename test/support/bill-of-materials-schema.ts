/** What is wrong with a bill of materials, by the schema of CycloneDX. */
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';

/** The problems of a bill as text, each in a line; also what the schema does not know. */
export async function problemsOfBill(text: string): Promise<string[]> {
  const errors = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text);
  return errors === null ? [] : [JSON.stringify(errors)];
}
