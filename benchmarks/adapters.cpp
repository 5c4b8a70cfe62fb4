// What adapters cost: a prompt with demonstrations written from nothing, and replies of 1 KB read, as asked for and
// broken. Python DSPy writes the prompt with 16 demonstrations in 1,068 µs, and reads tiny replies in 11 to 34 µs.

#include "dspy/adapters/adapter.hpp"

#include <benchmark/benchmark.h>

#include <string>

namespace {

using namespace dspy;

constexpr const char* names[] = {"field", "chat", "json", "xml"};

const Signature& signature() {
  static const auto value = Signature::parse(
      "question, context: list[str] -> reasoning, answer, score: float, label: Literal['low', 'high'], tags: list[str]",
      "Answer from the context.");
  return value;
}

/// Text of about that many bytes, in lines.
std::string prose(std::size_t size) {
  std::string out;
  while (out.size() < size) out += out.size() % 80 > 66 ? "the river bends.\n" : "the lotus and the heron, ";
  return out.substr(0, out.find_last_not_of(" ,\n") + 1);
}

Example example(std::size_t size) {
  return Example({{"question", "What grows where?"},
                  {"context", {"The lotus grows in the river.", "The heron fishes there."}},
                  {"reasoning", prose(size)},
                  {"answer", "The lotus grows in the river."},
                  {"score", 0.75},
                  {"label", "high"},
                  {"tags", {"river", "lotus"}}},
                 signature());
}

/// A reply of 1 KB as the adapter asks for it: its own turn for an example.
std::string clean_reply(const Adapter& adapter) {
  const std::vector<Example> demos = {example(800)};
  const JsonObject inputs = {{"question", "?"}, {"context", JsonArray()}};
  const auto chat = adapter.format({.signature = signature(), .demos = demos, .inputs = inputs});
  return chat[chat.size() - 2].text();
}

/// The same with chatter, other spellings, a missing end and Python for JSON.
std::string broken_reply(const std::string& name) {
  const auto text = prose(760);
  if (name == "json") {
    std::string line;
    for (const char c : text) line += c == '\n' ? ' ' : c;
    return "Sure, here it is:\n```json\n{'reasoning': '" + line +
           "', // as asked\nanswer: \"In the river.\", 'Score': '0.75', 'label': 'High', 'tags': ['river', 'lotus',]";
  }
  if (name == "xml") {
    return "Sure, here it is:\n<Reasoning>" + text +
           "</Reasoning>\n<answer>In the river & there.\n<score>**0.75**</score><label>'High'</label><tags>['river', "
           "'lotus',]</tags> Bye.";
  }
  const bool markers = name == "chat";
  const auto mark = [&](const std::string& field) {
    return markers ? "\n**[[##" + field + "##]]**\n" : "\n**" + field + "**: ";
  };
  return "Sure, here it is:\n" + mark("Reasoning") + text + mark("Answer") + "In the river." + mark("SCORE") +
         "**0.75**" + mark("label") + "High." + mark("tags") + "- river\n- lotus\n";
}

void format_16_demos(benchmark::State& state) {
  const auto adapter = dspy::adapter(names[state.range(0)]);
  state.SetLabel(std::string(adapter->name()));
  const std::vector<Example> demos(16, example(200));
  const JsonObject inputs = {{"question", "What grows where?"}, {"context", {"The lotus grows in the river."}}};
  for (auto _ : state) {
    benchmark::DoNotOptimize(adapter->format({.signature = signature(), .demos = demos, .inputs = inputs}));
  }
}
BENCHMARK(format_16_demos)->DenseRange(0, 3);

void read(benchmark::State& state, const Adapter& adapter, const std::string& reply) {
  const auto exchange = adapter.prepare(std::make_shared<const Signature>(signature()));
  const auto reading = exchange->parse(reply);
  if (!reading) return state.SkipWithError(reading.error().message());
  state.SetLabel(std::string(adapter.name()) + ", " + std::to_string(reply.size()) + " bytes, " +
                 std::to_string(reading->flags.size()) + " flags");
  for (auto _ : state) benchmark::DoNotOptimize(exchange->parse(reply));
}

void read_clean_1_kb(benchmark::State& state) {
  const auto adapter = dspy::adapter(names[state.range(0)]);
  read(state, *adapter, clean_reply(*adapter));
}
BENCHMARK(read_clean_1_kb)->DenseRange(0, 3);

void read_broken_1_kb(benchmark::State& state) {
  const auto* const name = names[state.range(0)];
  read(state, *dspy::adapter(name), broken_reply(name));
}
BENCHMARK(read_broken_1_kb)->DenseRange(0, 3);

}  // namespace
