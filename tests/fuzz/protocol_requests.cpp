// Requests in the forms of OpenAI, Anthropic, Ollama and vLLM: each is read or refused with an error that names a
// place, and what is read can be answered, whole and as a stream.

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/events.hpp"
#include "dspy/lm/reply.hpp"
#include "server/anthropic/anthropic.hpp"
#include "server/ollama/ollama.hpp"
#include "server/openai/openai.hpp"
#include "server/protocols/common.hpp"
#include "server/protocols/reply_writer.hpp"
#include "server/scoring/completions.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace {

using namespace dspy;
using namespace dspy::server;

struct Form {
  Asked (*read)(const JsonObject& body);
  JsonObject (*write)(const Reply& reply, const Asked& asked, const Stamp& stamp);
  std::unique_ptr<ReplyWriter> (*stream)(const Asked& asked, const Stamp& stamp);
};

const Reply& reply() {
  static const Reply made = [] {
    Completion completion{.text = "one two", .reasoning = "let me see"};
    completion.tool_calls.push_back({.id = "c1", .name = "find", .input = {{"q", 1}}});
    return Reply(completion, {.requests = 1, .prompt_tokens = 3, .completion_tokens = 2});
  }();
  return made;
}

void answer(const Form& form, const Asked& asked) {
  const Stamp stamp{.id = "fuzz", .time = 1};
  if (form.write(reply(), asked, stamp).empty()) std::abort();
  const auto writer = form.stream(asked, stamp);
  auto sent = writer->begin({});
  tell_whole(reply(), [&](const StreamEvent& event) { sent += writer->event(event); });
  sent += writer->finish(reply());
  if (!sent.ends_with('\n')) std::abort();
}

void try_form(const Form& form, const JsonObject& body) {
  try {
    const auto asked = form.read(body);
    check(asked.request);
    answer(form, asked);
  } catch (const Error& error) {
    if (error.code() != Errc::invalid_parameter && error.code() != Errc::unsupported) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = parse_json({reinterpret_cast<const char*>(data), size});
  if (!value || !value->is_object()) return 0;
  const auto& body = value->get_object();
  try_form({.read = openai::read_chat, .write = openai::write_chat, .stream = openai::stream_chat}, body);
  try_form({.read = openai::read_response, .write = openai::write_response, .stream = openai::stream_response}, body);
  try_form({.read = anthropic::read_messages, .write = anthropic::write_message, .stream = anthropic::stream_messages},
           body);
  try_form({.read = ollama::read_chat, .write = ollama::write_chat, .stream = ollama::stream_chat}, body);
  try_form({.read = ollama::read_generate, .write = ollama::write_generate, .stream = ollama::stream_generate}, body);
  try {
    static_cast<void>(scoring::read_completions(body));
  } catch (const Error& error) {
    if (error.code() != Errc::invalid_parameter && error.code() != Errc::unsupported) std::abort();
  }
  return 0;
}
