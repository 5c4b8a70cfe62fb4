#include "llama/tools/tool_calls.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "llama/tools/element_arguments.hpp"
#include "llama/tools/python_arguments.hpp"

#include <algorithm>
#include <format>
#include <optional>
#include <utility>
#include <vector>

namespace dspy::llama {
namespace {

constexpr std::string_view spaces = " \t\r\n";

[[noreturn]] void refuse(const Completion& completion, std::string_view call, std::string_view why) {
  throw Error(Errc::parse_error,
              std::format("the model's tool call `{}` cannot be read: {}; ask again, or hold the model to its tools "
                          "(constrain=on)",
                          call, why),
              {.raw = completion.text});
}

void skip_blanks(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(spaces), text.size()));
}

/// Takes `expected` off the start of `text`, whatever white space either has.
bool take(std::string_view& text, std::string_view expected) {
  auto rest = text;
  skip_blanks(rest);
  for (skip_blanks(expected); !expected.empty(); skip_blanks(expected)) {
    if (!rest.starts_with(expected.front())) return false;
    rest.remove_prefix(1);
    expected.remove_prefix(1);
    skip_blanks(rest);
  }
  text = rest;
  return true;
}

/// How far the object or list goes that `text` begins with, whatever its strings say; nothing if it does not end.
std::optional<std::size_t> end_of_value(std::string_view text) {
  if (!text.starts_with('{') && !text.starts_with('[')) return std::nullopt;
  std::size_t depth = 0;
  bool is_text = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char byte = text[at];
    if (is_text && byte == '\\') {
      ++at;
    } else if (byte == '"') {
      is_text = !is_text;
    } else if (!is_text && (byte == '{' || byte == '[')) {
      ++depth;
    } else if (!is_text && (byte == '}' || byte == ']') && --depth == 0) {
      return at + 1;
    }
  }
  return std::nullopt;
}

/// Reads the calls at a reply's end, one after the other.
class CallReader {
 public:
  CallReader(const Completion& completion, const ToolContract& contract, std::string_view text)
      : completion_(&completion), contract_(&contract), format_(&contract.format), rest_(text) {}

  std::vector<ToolCallPart> read(std::size_t first) {
    std::vector<ToolCallPart> out;
    if (!format_->opening.empty() && !take(rest_, format_->opening)) {
      require_whole(std::nullopt);
      refuse(rest_, "no list of calls follows");
    }
    if (format_->python) take(rest_, "[");  // where models make a list of them
    do {
      auto next = call();
      next.id = id_of(next, first++, out);
      out.push_back(std::move(next));
    } while (goes_on());
    if (format_->python) take(rest_, "]");
    if (!format_->closing.empty()) take(rest_, format_->closing);
    if (!text::trim(rest_).empty()) refuse(rest_, "there is text after the calls");
    return out;
  }

 private:
  [[noreturn]] void refuse(std::string_view call, std::string_view why) const {
    llama::refuse(*completion_, call, why);
  }

  void require_whole(std::optional<std::size_t> end) const {
    if (!end && completion_->finish == FinishReason::length)
      refuse(rest_, "it was cut at the limit of tokens; raise max_tokens");
  }

  /// Whether another call follows.
  bool goes_on() {
    if (format_->python) {
      take(rest_, ",");
      skip_blanks(rest_);
      return !rest_.empty() && !rest_.starts_with('`') && !rest_.starts_with(']');
    }
    auto after = rest_;
    const bool joined = take(after, format_->between);
    if (!joined && !text::trim(format_->between).empty()) return false;
    if (!(format_->before.empty() ? after.starts_with('{') : take(after, format_->before))) return false;
    if (joined) take(rest_, format_->between);
    return true;
  }

  ToolCallPart call() {
    if (!take(rest_, format_->before)) {
      require_whole(std::nullopt);
      refuse(rest_, "it does not begin as a call");
    }
    skip_blanks(rest_);
    // Models that were not held to it may write an object where the name should stand.
    const bool has_name = !format_->after_name.empty() && !(format_->python && rest_.starts_with('{'));
    std::string name;
    if (has_name) name = name_before_arguments();
    if (has_name && format_->python) return call_of_python(name);
    if (!format_->key_before.empty()) return call_of_elements(name);
    skip_blanks(rest_);
    const auto end = end_of_value(rest_);
    require_whole(end);
    auto size = end;
    if (!end) {
      const auto tail = text::trim(format_->after);
      size = tail.empty() ? rest_.size() : std::min(rest_.find(tail), rest_.size());
    }
    const auto value = text::trim(rest_.substr(0, *size));
    const auto json = parse_json(value);
    if (!json) refuse(value, json.error().message);
    rest_.remove_prefix(*size);
    if ((format_->python && !has_name) || !take(rest_, format_->after)) skip_blanks(rest_);
    const auto* const object = json->if_object();
    if (object == nullptr) refuse(value, "it is not an object");
    if (has_name) return checked(value, name, object);
    const auto* const said = object->if_contains(format_->name_key);
    if (said == nullptr || !said->is_string()) refuse(value, std::format("it has no `{}`", format_->name_key));
    const auto* input = object->if_contains(format_->arguments_key);
    if (input == nullptr) input = object->if_contains("arguments");
    if (input == nullptr || !input->is_object())
      refuse(value, std::format("it has no object `{}`", format_->arguments_key));
    return checked(value, view(said->get_string()), &input->get_object());
  }

  ToolCallPart call_of_elements(const std::string& name) {
    const auto whole = rest_;
    const auto tool = std::ranges::find(contract_->tools, name, &ToolDefinition::name);
    if (tool == contract_->tools.end()) checked(name, name, nullptr);
    const auto input = take_elements(rest_, *format_, arguments_type(*tool));
    if (!input) {
      require_whole(std::nullopt);
      refuse(whole, input.error());
    }
    if (!take(rest_, format_->after)) {
      require_whole(std::nullopt);
      if (!text::trim(rest_).empty()) refuse(whole, "it has neither another argument nor an end");
    }
    return checked(whole, name, &*input);
  }

  ToolCallPart call_of_python(const std::string& name) {
    const auto whole = rest_;
    const auto input = take_python_arguments(rest_);
    if (!input) {
      require_whole(std::nullopt);
      refuse(name + "(" + std::string(whole), input.error());
    }
    return checked(whole, name, &*input);
  }

  /// Of a format in which the name stands by itself.
  std::string name_before_arguments() {
    const auto mark = text::trim(format_->after_name);
    const auto at = mark.empty() ? std::min(rest_.find_first_of("\n<"), rest_.size()) : rest_.find(mark);
    require_whole(at == rest_.npos ? std::nullopt : std::optional(at));
    if (at == rest_.npos) refuse(rest_, std::format("no `{}` follows its name", mark));
    auto name = text::trim(rest_.substr(0, at));
    rest_.remove_prefix(at + mark.size());
    if (!format_->before_number.empty()) {
      const auto end = std::min(name.rfind(format_->before_number), name.size());
      id_ = text::trim(name.substr(std::min(end + format_->before_number.size(), name.size())));
      name = text::trim(name.substr(0, end));
    }
    return std::string(name);
  }

  ToolCallPart checked(std::string_view call, std::string_view name, const JsonObject* input) const {
    if (!std::ranges::contains(contract_->tools, name, &ToolDefinition::name))
      refuse(call, std::format("the tool `{}` was not offered", name));
    return {.id = {}, .name = std::string(name), .input = *input};
  }

  /// Templates that number calls by their ids, or write ids that models made, are given such ids again.
  std::string id_of(const ToolCallPart& call, std::size_t number, const std::vector<ToolCallPart>& before) const {
    if (format_->id_size != 0 && id_.size() == format_->id_size &&
        !std::ranges::contains(before, id_, &ToolCallPart::id))
      return id_;
    if (format_->before_number.empty() || format_->id_size != 0) return std::format("call_{}", number);
    return std::format("functions.{}{}{}", call.name, format_->before_number, number - 1);
  }

  const Completion* completion_;
  const ToolContract* contract_;
  const ToolFormat* format_;
  std::string_view rest_;
  std::string id_;  ///< What stands in place of the last call's number.
};

/// Where calls begin, if there are any.
std::optional<std::size_t> calls_begin(std::string_view text, const ToolContract& contract) {
  if (const auto marker = contract.format.marker(); !marker.empty()) {
    const auto at = text.find(marker);
    return at == std::string_view::npos ? std::nullopt : std::optional(at);
  }
  const auto at = text.find_first_not_of(spaces);
  if (at == std::string_view::npos || text[at] != '{') return std::nullopt;
  // An answer may be an object too.
  const auto json = parse_json(text::trim(text));
  const auto* const object = json ? json->if_object() : nullptr;
  const bool is_call = object != nullptr && object->contains(contract.format.name_key) &&
                       object->contains(contract.format.arguments_key);
  return is_call || contract.required ? std::optional(at) : std::nullopt;
}

}  // namespace

void take_tool_calls(Completion& completion, const ToolContract& contract, std::size_t first) {
  if (const auto& mark = contract.format.text_mark; !mark.empty() && completion.text.starts_with(mark)) {
    completion.text.erase(0, mark.size());
    std::erase_if(completion.resume_points, [&](const ResumePoint& point) { return point.offset < mark.size(); });
    for (auto& point : completion.resume_points) point.offset -= mark.size();
  }
  const std::string_view text = completion.text;
  const auto begin = calls_begin(text, contract);
  if (!begin) {
    if (contract.required && completion.finish == FinishReason::stop)
      refuse(completion, text, "a call was required and the reply has none");
    return;
  }
  completion.tool_calls = CallReader(completion, contract, text.substr(*begin)).read(first);
  completion.text.resize(text::trim_end(text.substr(0, *begin)).size());
  completion.finish = FinishReason::tool_calls;
  std::erase_if(completion.resume_points,
                [&](const ResumePoint& point) { return point.offset >= completion.text.size(); });
}

void tell_tool_calls(const Completion& completion, const Usage& usage, const EventSink& sink) {
  auto index = std::size_t{completion.text.empty() ? 0U : 1U};
  for (const auto& call : completion.tool_calls) {
    const Part part(call);
    const auto input = to_text(Json(call.input));
    sink({.kind = StreamEvent::Kind::tool_call, .text = input, .usage = usage, .part_index = index++, .part = &part});
  }
}

}  // namespace dspy::llama
