/** A page that shows rules as you type: any bundler makes `page.bundle.js` of this, nothing runs on a server. */
import { InputError, printRuleset, printTraced, render, trace } from 'svc2ipt';

const element = (id) => document.getElementById(id);

function show() {
  const manifests = element('manifests').value;
  try {
    const { ruleset, warnings } = render({ manifests });
    element('rules').textContent = printRuleset(ruleset);
    element('problems').textContent = warnings.join('\n');
    element('trace').textContent = printTraced(
      trace({ manifests, from: 'outside', to: element('to').value }),
    );
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    element('problems').textContent = error.message;
  }
}

for (const id of ['manifests', 'to']) element(id).addEventListener('input', show);
show();
