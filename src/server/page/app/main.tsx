import { render } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";

import { connect } from "./api/live.js";
import { loadResources } from "./api/use.js";
import { placeOf } from "./logic/router.js";
import { applyTheme, Shell } from "./shell.js";
import { viewOf } from "./views/index.js";

function App() {
  const [place, setPlace] = useState(placeOf(location.hash));
  useEffect(() => {
    const moved = () => setPlace(placeOf(location.hash));
    window.addEventListener("hashchange", moved);
    return () => window.removeEventListener("hashchange", moved);
  }, []);
  // Before anybody can press a key: later, the focus would be taken from what they went to meanwhile.
  useLayoutEffect(() => {
    const heading = document.querySelector<HTMLElement>("main h1");
    document.title = `${heading?.textContent ?? place.view} · dspy`;
    // A reader of the screen is told where it is now; the first view is left to the browser.
    if (document.body.dataset["moved"]) heading?.focus({ preventScroll: true });
    document.body.dataset["moved"] = "yes";
    document.getElementById("main")?.scrollTo(0, 0);
  }, [place.view, place.id]);
  const View = viewOf(place.view);
  return (
    <Shell view={place.view}>
      <View key={place.view} place={place} />
    </Shell>
  );
}

applyTheme();
void loadResources();
void connect();
render(<App />, document.getElementById("app") as HTMLElement);
