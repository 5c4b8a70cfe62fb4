#include "llama/chat/jinja_chat.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/lm/part.hpp"
#include "llama/chat/chat_values.hpp"
#include "llama/jinja/program.hpp"
#include "llama/jinja/values/value.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace dspy::llama {
namespace {

void add(std::vector<PromptPart>& parts, std::string_view text, bool control) {
  if (text.empty()) return;
  if (!control && !parts.empty() && !parts.back().control)
    parts.back().text += text;
  else
    parts.push_back({std::string(text), control});
}

}  // namespace

ControlNames::ControlNames(std::vector<std::string> names) : names_(std::move(names)) {
  std::erase(names_, "");
  std::ranges::sort(names_, {}, [](const std::string& name) {
    return std::tuple(static_cast<unsigned char>(name.front()), ~name.size(), std::string_view(name));
  });
  for (const auto& name : names_) first_.set(static_cast<unsigned char>(name.front()));
}

std::string_view ControlNames::at(std::string_view text) const noexcept {
  const auto byte = static_cast<unsigned char>(text.front());
  if (!first_.test(byte)) return {};
  const auto same = std::ranges::equal_range(
      names_, byte, {}, [](const std::string& name) { return static_cast<unsigned char>(name.front()); });
  const auto found = std::ranges::find_if(same, [&](const std::string& name) { return text.starts_with(name); });
  return found == same.end() ? std::string_view() : std::string_view(*found);
}

std::vector<PromptPart> ControlNames::cut(const jinja::Text& text) const {
  std::vector<PromptPart> parts;
  const auto view = text.view();
  const auto cut_own = [&](std::size_t begin, std::size_t end) {
    auto plain = begin;
    for (auto i = begin; i < end;) {
      const auto name = at(view.substr(i, end - i));
      if (name.empty()) {
        ++i;
        continue;
      }
      add(parts, view.substr(plain, i - plain), false);
      add(parts, name, true);
      i += name.size();
      plain = i;
    }
    add(parts, view.substr(plain, end - plain), false);
  };
  std::size_t from = 0;
  for (const auto& span : text.given()) {
    cut_own(from, span.begin);
    add(parts, view.substr(span.begin, span.end - span.begin), false);
    from = span.end;
  }
  cut_own(from, view.size());
  return parts;
}

JinjaChat::JinjaChat(std::string_view source, const ChatTemplate::Vocabulary& vocabulary)
    : program_(source),
      control_(vocabulary.control),
      bos_(vocabulary.bos),
      eos_(vocabulary.eos),
      knows_developer_(source.contains("developer")),
      wants_short_ids_(source.contains("length != 9") || source.contains("length == 9")) {
  find_abilities();
}

jinja::Text JinjaChat::write(const Chat& chat, const ChatOptions& options) const {
  using jinja::Value;
  jinja::Program::Variables variables;
  variables.emplace_back("messages", messages_value(chat, {.joins_system = !abilities_.system,
                                                           .merges_turns = !abilities_.any_order,
                                                           .knows_developer = knows_developer_,
                                                           .short_ids = wants_short_ids_}));
  variables.emplace_back("add_generation_prompt", options.begins_reply);
  variables.emplace_back("bos_token", Value::own(bos_));
  variables.emplace_back("eos_token", Value::own(eos_));
  if (!options.tools.empty()) variables.emplace_back("tools", tools_value(options.tools));
  if (options.thinks) variables.emplace_back("enable_thinking", *options.thinks);
  for (const auto& [name, value] : options.variables) variables.emplace_back(std::string(name), Value::from(value));
  const auto now = [&] { return options.now.value_or(std::chrono::system_clock::now()); };
  return program_.render(std::move(variables), now);
}

std::vector<PromptPart> JinjaChat::render(const Chat& chat, const ChatOptions& options) const {
  return control_.cut(write(chat, options));
}

// Each question is a conversation that only a template with the ability writes as a whole.
void JinjaChat::find_abilities() {
  const std::string question = "Question-7f3a", words = "Words-91bc", answer = "Answer-5d2e", given = "Given-2e8b";
  const auto tried = [&](const Chat& chat, const ChatOptions& options = {}) -> std::optional<std::string> {
    const auto text = attempt([&] { return write(chat, options); });
    return text ? std::optional(text->bytes()) : std::nullopt;
  };
  const Message user(Role::user, question), assistant(Role::assistant, answer);

  abilities_ = {.system = true, .any_order = true};
  const auto simple = write({user}, {}).bytes();  // throws where the template does not work at all
  if (!simple.contains(question)) throw Error(Errc::config_error, "the chat template leaves out what the user says");
  abilities_.system = tried({Message(Role::system, words), user}).value_or("").contains(words);
  const auto repeated = tried({user, Message(Role::user, words)});
  abilities_.any_order = repeated && repeated->contains(words) && repeated->contains(question);
  abilities_.reply_start = simple != tried({user}, {.begins_reply = false});
  abilities_.thinking_switch = tried({user}, {.thinks = true}) != tried({user}, {.thinks = false});

  const ToolDefinition tool{.name = "tool_4c1d", .description = words};
  const auto with_tools = tried({user}, {.tools = {tool}}).value_or("");
  abilities_.tools = with_tools.contains(tool.name) && with_tools.contains(words);
  const Message call(Role::assistant,
                     std::vector<Part>{ToolCallPart{.id = "call_1", .name = tool.name, .input = {{"a", given}}}});
  const Message result(
      Role::tool, std::vector<Part>{ToolResultPart{.id = "call_1", .name = tool.name, .content = {TextPart{answer}}}});
  const auto with_calls = tried({user, call, result}, {.tools = {tool}}).value_or("");
  abilities_.tool_calls = with_calls.contains(given) && with_calls.contains(answer) && with_calls.contains(tool.name);

  const auto whole = attempt([&] { return render({user, assistant, user}, {}); });
  if (!whole) return;
  const auto said = std::ranges::find_if(*whole, [&](const PromptPart& part) { return part.text.contains(answer); });
  const auto end = said == whole->end() ? said : std::next(said);
  if (end != whole->end() && end->control && said->text.ends_with(answer)) turn_end_ = end->text;
}

}  // namespace dspy::llama
