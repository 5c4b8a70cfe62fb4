// node out/mock/main.js [port]: the page with made-up data, to look at and to develop with.

import { startMock } from "./server.js";

const mock = await startMock({ dist: "dist", port: Number(process.argv[2] ?? 8090), traces: 100_000, hostile: process.argv.includes("--hostile") });
console.log(mock.url);
