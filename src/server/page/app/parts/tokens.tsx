import { Fragment } from "preact";
import { useState } from "preact/hooks";

import { percent } from "../logic/format.js";
import type { Token } from "../logic/tokens.js";
import { Share } from "./chart.js";

/** A reply's tokens, marked by how likely each was; one that is chosen shows what could have come in its place. */
export function TokenView({ tokens }: { tokens: Token[] }) {
  const [chosen, setChosen] = useState<number>();
  if (tokens.length === 0) return <p class="faint">The reply has no probabilities. Turn “Token probabilities” on and run again; local models report them, and some providers.</p>;
  const token = chosen === undefined ? undefined : tokens[chosen];
  return (
    <div class="stack">
      <div class="tokens">
        {tokens.map((each, at) => (
          <Fragment key={at}>
            {each.text.startsWith("\n") && <br />}
            <button type="button" class={`token ${classOf(each)}`} title={each.forced ? "had to come" : percent(each.probability)} aria-expanded={at === chosen} onClick={() => setChosen(at === chosen ? undefined : at)}>
              {each.text.replace(/\n/g, "↵") || "·"}
            </button>
            {each.text.length > 1 && each.text.endsWith("\n") && <br />}
          </Fragment>
        ))}
      </div>
      {token && (
        <div class="bars" role="group" aria-label="What could have come">
          {token.field && <h3>{token.field}</h3>}
          {[{ text: token.text, probability: token.probability }, ...token.top.filter((other) => other.text !== token.text)].map((other, at) => (
            <div key={at} class="bar-row">
              <span class="mono">{JSON.stringify(other.text)}</span>
              <Share value={token.forced && at === 0 ? 1 : other.probability} label={percent(other.probability)} tone={at === 0 ? "" : "warn"} />
              <span>{token.forced && at === 0 ? "forced" : percent(other.probability)}</span>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

function classOf(token: Token): string {
  if (token.forced) return "token-forced";
  return token.probability < 0.5 ? "token-low" : token.probability < 0.9 ? "token-middle" : "";
}
