const paths = {
  play: "M6 4l10 6-10 6z",
  stop: "M5 5h10v10H5z",
  trace: "M3 5h9M6 10h11M4 15h6",
  evaluation: "M4 16V9m4 7V4m4 12v-5m4 5V7",
  optimize: "M3 15l4-5 3 3 7-9m0 0h-4m4 0v4",
  program: "M7 6l-4 4 4 4m6-8l4 4-4 4",
  experiment: "M8 3v5l-4 8h12l-4-8V3M7 3h6",
  dataset: "M4 5c0-1 3-2 6-2s6 1 6 2v10c0 1-3 2-6 2s-6-1-6-2zm0 0c0 1 3 2 6 2s6-1 6-2M4 10c0 1 3 2 6 2s6-1 6-2",
  index: "M9 3a6 6 0 1 0 0 12A6 6 0 0 0 9 3zm4.5 10.500L17 17",
  agent: "M5 7h10v8H5zm5-4v4M8 10v1m4-1v1M3 10v3m14-3v3",
  job: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zm0 3v4l3 2",
  feedback: "M4 4h12v9H9l-4 3v-3H4z",
  key: "M12.500 4a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7zM10 10l-6 6m2-2l2 2",
  system: "M4 4h12v8H4zm3 12h6m-3-4v4",
  menu: "M3 5h14M3 10h14M3 15h14",
  close: "M5 5l10 10M15 5L5 15",
  check: "M4 10l4 4 8-9",
  copy: "M7 7h9v9H7zM4 13V4h9",
  warning: "M10 3l8 14H2zm0 5v4m0 2.500v.5",
  empty: "M3 11l3-7h8l3 7v5H3zm0 0h4l1 2h4l1-2h4",
  sun: "M10 7a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM10 2v2m0 12v2M2 10h2m12 0h2M4.500 4.500l1.300 1.300m8.400 8.400l1.300 1.300m0-11l-1.300 1.300M5.800 14.200l-1.300 1.300",
  moon: "M15 12A6 6 0 0 1 8 4a6.500 6.500 0 1 0 7 8z",
  auto: "M10 3a7 7 0 1 0 0 14zM10 3a7 7 0 0 1 0 14",
  keyboard: "M2 6h16v9H2zm3 3h.5m3 0h.5m3 0h.5m3 0h.5M6 12h8",
  plus: "M10 4v12M4 10h12",
  up: "M5 12l5-5 5 5",
  down: "M5 8l5 5 5-5",
  right: "M8 5l5 5-5 5",
  left: "M12 5l-5 5 5 5",
  diff: "M6 3v8m-3-4h6M11 15h6M4 17L16 3",
  download: "M10 3v9m-4-3l4 4 4-4M4 16h12",
  upload: "M10 13V4M6 7l4-4 4 4M4 16h12",
  edit: "M4 16l1-4 8-8 3 3-8 8z",
  filter: "M3 4h14l-5 6v6l-4-2v-4z",
  retry: "M16 10a6 6 0 1 1-2-4.500M16 3v4h-4",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
