#include "server/protocols/program_lm.hpp"

#include "dspy/adapters/adapter.hpp"
#include "dspy/base/error.hpp"
#include "dspy/lm/call_context.hpp"
#include "dspy/modules/run.hpp"
#include "dspy/modules/traversal.hpp"
#include "server/protocols/common.hpp"
#include "server/protocols/members.hpp"

#include <algorithm>
#include <format>
#include <functional>
#include <utility>

namespace dspy::server {
namespace {

bool is_text(const std::vector<Field>& fields) {
  return fields.size() == 1 && fields.front().type.kind == Type::Kind::string;
}

std::string names_of(const std::vector<Field>& fields) {
  std::string out;
  for (const auto& field : fields) out += std::format("{}`{}`", out.empty() ? "" : ", ", field.name);
  return out;
}

std::size_t predictors_of(const Program& program) {
  std::size_t count = 0;
  program.for_each_predictor([&](const std::string&, const Predictor&) { ++count; });
  return count;
}

/// Values by name, as a message says them.
JsonObject values_of(const Message& message, const std::vector<Field>& fields, std::string_view place) {
  if (!std::ranges::all_of(message.parts, [](const Part& part) { return part.get<TextPart>() != nullptr; }))
    not_honoured(place, "a program takes text; give media as an input");
  const auto said = message.text();
  if (is_text(fields)) return {{fields.front().name, said}};
  auto value = parse_json(said);
  if (const auto repeated = value ? repeated_member(said) : std::nullopt)
    throw Error(Errc::bad_input, std::format("`{}` cannot be read in one way: {}", place, repeated->message),
                {.feature = std::string(place)});
  if (!value || !value->is_object())
    throw Error(Errc::bad_input,
                std::format("`{}` must be the text of a JSON object with {}: this program does not take one text",
                            place, names_of(fields)),
                {.feature = std::string(place)});
  return std::move(value->get_object());
}

/// What cannot be honoured is refused.
void require_plain(const Request& request) {
  if (request.n != 1) not_honoured("n", "a program gives one answer; send another request");
  if (!request.tools.empty()) not_honoured("tools", "a program has its own");
  if (!request.prefill.is_empty()) not_honoured("messages", "the last one must be the user's for a program");
  if (request.sampling.logprobs) not_honoured("logprobs", "a program's outputs are values");
  if (request.contract.form != OutputContract::Form::text && request.contract != held_to_json())
    not_honoured("response_format", "a program's outputs are fixed by its signature");
}

struct Turns {
  JsonObject inputs;
  History history;
};

Turns turns_of(const ServedProgram& program, const Chat& messages, std::optional<JsonObject> inputs) {
  Turns out;
  const auto& signature = program.signature;
  JsonObject asked;
  if (messages.empty() && !inputs) wrong("messages", "must have a message of the user");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto place = indexed("messages", i);
    const auto role = messages[i].role;
    if (role != Role::user && role != Role::assistant)
      not_honoured(place,
                   std::format("a program has its own instructions, and takes no `{}` message", to_string(role)));
    const bool is_last = i + 1 == messages.size();
    if (is_last && !inputs && role != Role::user) wrong(place, "is the last message, and must be the user's");
    const auto expected = i % 2 == 0 ? Role::user : Role::assistant;
    if (role != expected) wrong(place, "is out of turn: user and assistant alternate for a program");
    if (is_last && role == Role::user) {
      if (!inputs)
        out.inputs = values_of(messages[i], signature.inputs, place);
      else if (!messages[i].parts.empty() && (messages[i].only_text() == nullptr || !messages[i].only_text()->empty()))
        not_honoured(place, "`inputs` are given; omit the last message, or leave it empty");
      break;
    }
    if (predictors_of(program.program) != 1)
      not_honoured(place, "only a program with one predictor accepts earlier turns; send only the last message");
    if (role == Role::user)
      asked = values_of(messages[i], signature.inputs, place);
    else
      out.history.append(asked, Prediction{.data = values_of(messages[i], signature.outputs, place)});
  }
  if (inputs) out.inputs = *std::move(inputs);
  return out;
}

Reply reply_of(const ServedProgram& program, Prediction prediction, bool as_json) {
  Completion completion;
  const auto& outputs = program.signature.outputs;
  const auto* const only = outputs.size() == 1 ? prediction.get(outputs.front().name) : nullptr;
  if (!as_json && is_text(outputs) && only != nullptr && only->is_string())
    completion.text = view(only->get_string());
  else
    completion.text = to_text(prediction.data);
  completion.reasoning = prediction.reasoning;
  completion.unenforced = prediction.unenforced;
  completion.data = DataPart{.value = std::move(prediction.data)};
  Reply reply(std::move(completion), prediction.lm_usage);
  reply.model = program.name;
  JsonArray flags;
  for (const auto& flag : prediction.flags) flags.push_back(JsonObject{{"field", flag.field}, {"repair", flag.repair}});
  JsonObject told{{"version", program.version}};
  if (!flags.empty()) told["flags"] = std::move(flags);
  reply.provider_data = std::move(told);
  return reply;
}

/// Forwards the text of one output.  A field that starts over cannot be retracted from a client, so nothing more is
/// sent until the end.
class Told {
 public:
  Told(std::string field, EventSink sink) : field_(std::move(field)), sink_(std::move(sink)) {}

  void operator()(const FieldEvent& event) {
    if (event.field != field_) return;
    if (event.restart && !text_.empty()) is_silent_ = true;
    if (is_silent_ || event.text.empty()) return;
    // White space at the end may not be the value's.
    held_ += event.text;
    const auto last = held_.find_last_not_of(" \t\r\n");
    if (last == std::string::npos) return;
    if (text_.empty()) held_.erase(0, held_.find_first_not_of(" \t\r\n"));
    const auto end = held_.find_last_not_of(" \t\r\n") + 1;
    text_ += held_.substr(0, end);
    sink_({.kind = StreamEvent::Kind::text, .text = std::string_view(held_).substr(0, end)});
    held_.erase(0, end);
  }

 private:
  std::string field_;
  EventSink sink_;
  std::string text_, held_;
  bool is_silent_ = false;
};

Async<Reply> run(std::shared_ptr<const ServedProgram> program, std::optional<JsonObject> inputs, CallContext around,
                 std::function<void()> on_run, Request request, EventSink sink) {
  require_plain(request);
  auto turns = turns_of(*program, request.messages, std::move(inputs));
  const bool as_json = request.contract.form != OutputContract::Form::text;
  Run how{.options = {.history = std::move(turns.history),
                      .sampling = std::move(request.sampling),
                      .deadline = request.deadline,
                      .stop = request.stop,
                      .pace = request.pace}};
  auto checked = checked_inputs(program->signature, std::move(turns.inputs));
  if (on_run) on_run();
  if (sink) {
    sink({.kind = StreamEvent::Kind::start});
    if (!as_json && is_text(program->signature.outputs) && predictors_of(program->program) == 1) {
      auto told = std::make_shared<Told>(program->signature.outputs.front().name, sink);
      how.sink = [told](const FieldEvent& event) { (*told)(event); };
    }
  }
  const auto called =
      around.trace || around.budget || around.remote_parent ? with_context(program->program, around) : program->program;
  co_return reply_of(*program, co_await called.run(std::move(checked), std::move(how)), as_json);
}

}  // namespace

Async<Reply> ProgramLM::complete(Request request) {
  return run(program_, inputs_, around_, on_run_, std::move(request), {});
}

Async<Reply> ProgramLM::stream(Request request, EventSink sink) {
  return run(program_, inputs_, around_, on_run_, std::move(request), std::move(sink));
}

}  // namespace dspy::server
