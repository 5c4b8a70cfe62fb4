// Plots in SVG. Each says in words what it shows.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";

import { figure } from "../logic/format.js";
import { histogram, linear, ticks } from "../logic/scale.js";

const margin = { left: 46, right: 12, top: 20, bottom: 30 };

interface FrameProps {
  label: string;
  height: number;
  x: [low: number, high: number];
  y: [low: number, high: number];
  xTitle: string;
  yTitle: string;
  xFormat?: (value: number) => string;
  yFormat?: (value: number) => string;
  children: (x: (value: number) => number, y: (value: number) => number, width: number) => ComponentChildren;
}

function Frame({ label, height, x, y, xTitle, yTitle, xFormat = figure, yFormat = figure, children }: FrameProps) {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(560);
  useLayoutEffect(() => {
    const element = ref.current;
    if (!element) return undefined;
    const watcher = new ResizeObserver(() => setWidth(Math.max(240, element.clientWidth)));
    watcher.observe(element);
    return () => watcher.disconnect();
  }, []);
  const toX = linear(x[0], x[1], margin.left, width - margin.right);
  const toY = linear(y[0], y[1], height - margin.bottom, margin.top);
  return (
    <div ref={ref} class="chart">
      <svg width={width} height={height} role="img" aria-label={label}>
        {ticks(y[0], y[1], Math.max(2, height / 50)).map((tick) => (
          <g key={tick} class="tick">
            <line x1={margin.left} x2={width - margin.right} y1={toY(tick)} y2={toY(tick)} />
            <text x={margin.left - 6} y={toY(tick) + 3.5} text-anchor="end">
              {yFormat(tick)}
            </text>
          </g>
        ))}
        {ticks(x[0], x[1], Math.max(2, width / 110)).map((tick) => (
          <text key={tick} class="tick-x" x={toX(tick)} y={height - margin.bottom + 15} text-anchor="middle">
            {xFormat(tick)}
          </text>
        ))}
        <text class="axis" x={width - margin.right} y={height - 3} text-anchor="end">
          {xTitle}
        </text>
        <text class="axis" x={4} y={9}>
          {yTitle}
        </text>
        {children(toX, toY, width)}
      </svg>
    </div>
  );
}

export function Histogram({ values, label, marker }: { values: number[]; label: string; marker?: number }) {
  const bins = histogram(values);
  if (bins.length === 0) return <p class="faint">No scores</p>;
  const low = bins[0]?.from ?? 0;
  const high = bins.at(-1)?.to ?? 1;
  const most = Math.max(...bins.map((bin) => bin.count));
  const pad = low === high ? 0.5 : 0;
  return (
    <Frame label={`${label}: ${bins.filter((bin) => bin.count > 0).map((bin) => `${bin.count} from ${figure(bin.from)} to ${figure(bin.to)}`).join(", ")}`} height={180} x={[low - pad, high + pad]} y={[0, most]} xTitle="score" yTitle="examples">
      {(x, y) => (
        <>
          {bins.map((bin) => {
            const from = x(bin.from - (low === high ? 0.05 : 0));
            const to = x(bin.to + (low === high ? 0.05 : 0));
            return (
              <rect key={bin.from} class="bar" x={from + 1} y={y(bin.count)} width={Math.max(1, to - from - 2)} height={Math.max(0, y(0) - y(bin.count))}>
                <title>{`${figure(bin.from)} to ${figure(bin.to)}: ${bin.count}`}</title>
              </rect>
            );
          })}
          {marker !== undefined && <line class="marker" x1={x(marker)} x2={x(marker)} y1={y(most)} y2={y(0)} />}
        </>
      )}
    </Frame>
  );
}

export interface Point {
  x: number;
  y: number;
  id?: string;
  strong?: boolean;
}

/** Points, with a line in steps over them. */
export function Plot({ points, steps, label, xTitle, yTitle, xFormat, choose }: { points: Point[]; steps?: Point[]; label: string; xTitle: string; yTitle: string; xFormat?: (value: number) => string; choose?: (id: string) => void }) {
  const all = [...points, ...(steps ?? [])];
  if (all.length === 0) return <p class="faint">Nothing measured yet</p>;
  const [xLow, xHigh] = spread(all.map((point) => point.x));
  const [yLow, yHigh] = spread(all.map((point) => point.y));
  const pad = (yHigh - yLow) * 0.08 || 0.05;
  return (
    <Frame label={label} height={240} x={[Math.min(xLow, xLow > 0 && xLow < xHigh * 0.3 ? 0 : xLow), xHigh]} y={[yLow - pad, yHigh + pad]} xTitle={xTitle} yTitle={yTitle} {...(xFormat ? { xFormat } : {})}>
      {(x, y) => (
        <>
          {steps && steps.length > 0 && (
            <path class="steps" d={steps.map((point, at) => (at === 0 ? `M${x(point.x)} ${y(point.y)}` : `H${x(point.x)}V${y(point.y)}`)).join("") + `H${x(xHigh)}`} />
          )}
          {points.map((point, at) => (
            <circle key={point.id ?? at} class={point.strong ? "dot dot-strong" : "dot"} cx={x(point.x)} cy={y(point.y)} r={point.strong ? 5 : 3.5} onClick={() => point.id !== undefined && choose?.(point.id)}>
              <title>{`${point.id ? `${point.id}: ` : ""}${figure(point.y)} at ${xFormat ? xFormat(point.x) : figure(point.x)}`}</title>
            </circle>
          ))}
        </>
      )}
    </Frame>
  );
}

export function Sparkline({ values, label }: { values: number[]; label: string }) {
  if (values.length < 2) return <svg class="spark" aria-hidden="true" />;
  const [low, high] = spread(values);
  const x = linear(0, values.length - 1, 1, 119);
  const y = linear(low, high, 27, 3);
  return (
    <svg class="spark" viewBox="0 0 120 30" role="img" aria-label={label} preserveAspectRatio="none">
      <path d={values.map((value, at) => `${at === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("")} />
    </svg>
  );
}

function spread(values: number[]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

/** A share of a whole, as a bar. */
export function Share({ value, of = 1, label, tone = "" }: { value: number | undefined; of?: number; label: string; tone?: string }) {
  if (value === undefined || !(of > 0)) return null;
  return (
    <span class={`share ${tone}`} role="img" aria-label={label}>
      <span style={{ width: `${Math.max(0, Math.min(1, value / of)) * 100}%` }} />
    </span>
  );
}
