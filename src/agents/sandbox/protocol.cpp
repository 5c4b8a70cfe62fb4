#include "agents/sandbox/protocol.hpp"

#include "dspy/base/error.hpp"

#include <algorithm>
#include <array>
#include <format>
#include <limits>
#include <utility>

namespace dspy::interpreter {
namespace {

[[noreturn]] void refuse(std::string_view why) {
  throw Error(Errc::backend_error, std::format("the interpreter broke its protocol: {}; it was ended", why));
}

const Json& member(const JsonObject& object, std::string_view name) {
  const auto* const value = object.if_contains(name);
  if (value == nullptr) refuse(std::format("a message has no `{}`", name));
  return *value;
}

std::string text_of(const JsonObject& object, std::string_view name) {
  const auto& value = member(object, name);
  if (!value.is_string()) refuse(std::format("`{}` is not a string", name));
  return std::string(view(value.get_string()));
}

std::string optional_text(const JsonObject& object, std::string_view name) {
  return object.contains(name) ? text_of(object, name) : std::string();
}

std::uint64_t number_of(const JsonObject& object, std::string_view name) {
  const auto& value = member(object, name);
  if (value.is_int64() && value.get_int64() >= 0) return static_cast<std::uint64_t>(value.get_int64());
  if (value.is_uint64()) return value.get_uint64();
  refuse(std::format("`{}` is not a whole number", name));
}

const JsonObject& object_of(const JsonObject& object, std::string_view name) {
  const auto& value = member(object, name);
  if (!value.is_object()) refuse(std::format("`{}` is not an object", name));
  return value.get_object();
}

constexpr std::array ends = {std::pair{std::string_view("finished"), Execution::End::finished},
                             std::pair{std::string_view("submitted"), Execution::End::submitted},
                             std::pair{std::string_view("raised"), Execution::End::raised},
                             std::pair{std::string_view("timed_out"), Execution::End::timed_out},
                             std::pair{std::string_view("crashed"), Execution::End::crashed}};

Execution read_execution(const JsonObject& message) {
  Execution out;
  const auto end = text_of(message, "end");
  const auto* const known = std::ranges::find(ends, end, &decltype(ends)::value_type::first);
  if (known == ends.end()) refuse("an execution ended in an unknown way");
  out.end = known->second;
  const auto& output = object_of(message, "output");
  out.left_out = number_of(output, "left_out");
  out.output = text_of(output, "head");
  if (out.left_out > 0) out.output += std::format("\n… {} letters left out …\n", out.left_out);
  out.output += text_of(output, "tail");
  if (const auto* const value = message.if_contains("value")) out.value = *value;
  out.repr = optional_text(message, "repr");
  out.no_value = optional_text(message, "no_value");
  if (out.end == Execution::End::submitted) out.submitted = object_of(message, "submitted");
  if (out.end == Execution::End::raised) {
    const auto& error = object_of(message, "error");
    out.error = CodeError{
        .kind = text_of(error, "kind"), .message = text_of(error, "message"), .traceback = text_of(error, "traceback")};
  }
  return out;
}

bool is_python_name(std::string_view name) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !name.empty() && is_letter(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

}  // namespace

std::string framed(const JsonObject& message) {
  std::string out(4, '\0');
  append_text(out, message);
  const auto size = out.size() - 4;
  if (size > std::numeric_limits<std::uint32_t>::max())
    throw Error(Errc::invalid_parameter, "a value for the interpreter is larger than 4 GiB");
  for (std::size_t i = 0; i < 4; ++i) out[i] = static_cast<char>((size >> (24 - 8 * i)) & 0xFF);
  return out;
}

std::optional<std::string> FrameReader::next() {
  if (bytes_.size() - begin_ < 4) return std::nullopt;
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(bytes_[begin_ + i]);
  if (size > most_bytes_)
    refuse(
        std::format("a message of {} bytes, where {} are allowed (`message_bytes` of its options)", size, most_bytes_));
  if (bytes_.size() - begin_ < 4 + size) return std::nullopt;
  auto out = bytes_.substr(begin_ + 4, size);
  begin_ += 4 + size;
  if (begin_ == bytes_.size()) {
    bytes_.clear();
    begin_ = 0;
  }
  return out;
}

Message read_message(std::string_view text, std::uint64_t execution) {
  const auto parsed = parse_json(text);
  if (!parsed) refuse("a message is not JSON: " + parsed.error().message);
  if (!parsed->is_object()) refuse("a message is not an object");
  const auto& message = parsed->get_object();
  const auto type = text_of(message, "type");
  if (type == "ready") {
    if (execution != 0) refuse("it reported that it is ready while running code");
    if (number_of(message, "protocol") != 1) refuse("it speaks another version of the protocol");
    return Ready{.python = text_of(message, "python"), .layers = object_of(message, "layers")};
  }
  if (number_of(message, "execution") != execution) refuse("a message belongs to another execution");
  if (type == "call")
    return Call{.id = number_of(message, "call"),
                .name = text_of(message, "name"),
                .arguments = object_of(message, "arguments")};
  if (type == "done") return read_execution(message);
  refuse("a message is of an unknown type");
}

JsonObject execute_message(const ExecuteRequest& request, std::uint64_t execution,
                           const std::vector<HostFunction>& functions) {
  JsonArray described;
  for (const auto& function : functions)
    described.push_back(JsonObject{{"name", function.name},
                                   {"parameters", JsonArray(function.parameters.begin(), function.parameters.end())},
                                   {"description", function.description}});
  return {{"type", "execute"},
          {"execution", execution},
          {"code", request.code},
          {"variables", request.variables},
          {"functions", std::move(described)},
          {"fields", JsonArray(request.submit_fields.begin(), request.submit_fields.end())},
          {"seconds", static_cast<double>(request.time_limit.count()) / 1000}};
}

JsonObject result_message(std::uint64_t call, const Json& value) {
  return {{"type", "result"}, {"call", call}, {"value", value}};
}

JsonObject failure_message(std::uint64_t call, std::string_view error) {
  return {{"type", "result"}, {"call", call}, {"error", error}};
}

Async<JsonObject> answered(std::vector<HostFunction> functions, Call call) {
  const auto function = std::ranges::find(functions, call.name, &HostFunction::name);
  if (function == functions.end())
    co_return failure_message(call.id, std::format("there is no function `{}` here", call.name));
  std::string failure;
  try {
    co_return result_message(call.id, co_await function->call(std::move(call.arguments)));
  } catch (const Error& error) {
    if (error.code() == Errc::cancelled || error.code() == Errc::deadline_exceeded ||
        error.code() == Errc::token_budget_exhausted)
      throw;
    failure = error.what();
  } catch (const std::exception& error) {
    failure = error.what();
  }
  co_return failure_message(call.id, failure);
}

void require_usable(const std::vector<HostFunction>& functions) {
  for (auto each = functions.begin(); each != functions.end(); ++each) {
    if (!is_python_name(each->name))
      throw Error(Errc::invalid_parameter,
                  std::format("`{}` is not a valid Python name; use letters, digits and `_`", each->name));
    if (each->name == "SUBMIT" || std::ranges::find(functions.begin(), each, each->name, &HostFunction::name) != each)
      throw Error(Errc::invalid_parameter,
                  std::format("there are two functions `{}` for code to call; rename one of them", each->name));
    if (!each->call)
      throw Error(Errc::invalid_parameter, std::format("the function `{}` for code to call is empty", each->name));
  }
}

}  // namespace dspy::interpreter
