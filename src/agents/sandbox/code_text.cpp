#include "agents/sandbox/code_text.hpp"

#include "dspy/base/text.hpp"
#include "dspy/lm/reply_notation.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy::code {
namespace {

bool is_identifier(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && is_letter(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

}  // namespace

std::expected<std::string, std::string> extracted(std::string_view text) {
  const auto fence = text.find("```");
  std::string_view code = text;
  if (fence != std::string_view::npos) {
    auto begin = fence + 3;
    const auto line = text.find('\n', begin);
    const auto language = text::trim(text.substr(begin, line == std::string_view::npos ? line : line - begin));
    if (line != std::string_view::npos && language.find(' ') == std::string_view::npos) begin = line + 1;
    code = text.substr(begin, text.find("```", begin) - begin);
  }
  while (code.starts_with('\n') || code.starts_with('\r')) code.remove_prefix(1);
  code = text::trim_end(code);
  if (text::trim(code).empty())
    return std::unexpected("there is no code in the reply; write Python in a fence, ```python");
  return std::string(code);
}

std::string with_last_value(std::string code) {
  const auto begin = code.rfind('\n') == std::string::npos ? 0 : code.rfind('\n') + 1;
  const auto line = std::string_view(code).substr(begin);
  const auto sign = line.find('=');
  if (sign == std::string_view::npos || line.substr(sign).starts_with("==")) return code;
  const std::string name(text::trim(line.substr(0, sign)));
  if (!is_identifier(name) || line.starts_with(' ') || line.starts_with('\t')) return code;
  return code + "\n" + name;
}

Told told(const Execution& execution) {
  Told out{.output = execution.output};
  if (!execution.repr.empty())
    out.output += (out.output.empty() || out.output.ends_with('\n') ? "" : "\n") + execution.repr;
  switch (execution.end) {
    case Execution::End::finished: break;
    case Execution::End::submitted: out.output += to_text(Json(execution.submitted.value_or(JsonObject()))); break;
    case Execution::End::raised:
      out.failure =
          std::format("{}: {}\n{}", execution.error->kind, execution.error->message, execution.error->traceback);
      break;
    case Execution::End::timed_out: out.failure = "the code took too long, and was stopped"; break;
    case Execution::End::crashed: out.failure = execution.problem; break;
  }
  if (execution.state_lost) out.failure += "; the interpreter was started anew, and has forgotten all variables";
  return out;
}

std::string cut(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  auto head = most / 2, tail = text.size() - (most - most / 2);
  while (head > 0 && is_continuation(text[head])) --head;
  while (tail < text.size() && is_continuation(text[tail])) ++tail;
  return std::format("{}\n… {} bytes left out …\n{}", std::string_view(text).substr(0, head), tail - head,
                     std::string_view(text).substr(tail));
}

std::string listing(const std::vector<HostFunction>& functions) {
  std::string out;
  for (const auto& function : functions) {
    out += std::format("\n- `{}(", function.name);
    for (std::size_t i = 0; i < function.parameters.size(); ++i) out += (i == 0 ? "" : ", ") + function.parameters[i];
    out += std::format(")`: {}", function.description);
  }
  return out;
}

std::string names_of(const std::vector<Field>& fields) {
  std::vector<std::string> names;
  names.reserve(fields.size());
  for (const auto& field : fields) names.push_back(field.name);
  return text::enumerate(names, "`", "and");
}

std::string trajectory_text(const JsonObject& trajectory) {
  std::string out;
  for (const auto& [name, value] : trajectory) {
    if (!out.empty()) out += "\n\n";
    out.append(marker(name)).append("\n");
    out += value.is_string() ? std::string(view(value.get_string())) : to_text(value);
  }
  return out;
}

ExecuteRequest request_for(std::string code, const CallOptions& options, const CallContext* context,
                           std::chrono::milliseconds limit, JoinedStop& stop) {
  ExecuteRequest out{.code = std::move(code), .time_limit = limit, .deadline = options.deadline, .stop = options.stop};
  if (context == nullptr) return out;
  if (context->deadline && (!out.deadline || *context->deadline < *out.deadline)) out.deadline = context->deadline;
  stop = join(options.stop, context->stop);
  out.stop = stop.token;
  return out;
}

}  // namespace dspy::code
