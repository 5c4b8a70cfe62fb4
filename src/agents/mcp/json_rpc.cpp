#include "agents/mcp/json_rpc.hpp"

#include <limits>
#include <utility>

namespace dspy::rpc {
namespace {

std::unexpected<Fault> invalid(std::string why) {
  return std::unexpected(Fault{.code = invalid_request, .message = "invalid request: " + std::move(why)});
}

bool is_id(const Json& id) {
  return id.is_string() || id.is_int64() || id.is_uint64();
}

std::expected<Message, Fault> read_call(const JsonObject& object, const Json* id) {
  const auto& method = object.at("method");
  if (!method.is_string()) return invalid("`method` is not a string");
  Call out{.method = std::string(view(method.get_string()))};
  if (id != nullptr) {
    if (!is_id(*id)) return invalid("`id` is neither a string nor an integer");
    out.id = *id;
  }
  if (const auto* const params = object.if_contains("params")) {
    if (!params->is_object()) return invalid("`params` is not an object");
    out.params = params->get_object();
  }
  return out;
}

std::expected<Message, Fault> read_answer(const JsonObject& object, const Json* id) {
  Answer out;
  const auto* const error = object.if_contains("error");
  const auto* const result = object.if_contains("result");
  if ((error != nullptr) == (result != nullptr)) return invalid("it needs `method`, `result` or `error`, and one only");
  if (id != nullptr && !is_id(*id) && !(id->is_null() && error != nullptr))
    return invalid("`id` is neither a string nor an integer");
  if (id == nullptr && result != nullptr) return invalid("a result has no `id`");
  if (id != nullptr) out.id = *id;
  if (result != nullptr) {
    if (!result->is_object()) return invalid("`result` is not an object");
    out.outcome = result->get_object();
    return out;
  }
  if (!error->is_object()) return invalid("`error` is not an object");
  Fault fault;
  const auto* const code = error->get_object().if_contains("code");
  if (code == nullptr || !code->is_int64() || code->get_int64() < std::numeric_limits<int>::min() ||
      code->get_int64() > std::numeric_limits<int>::max())
    return invalid("an error's `code` is not an integer");
  fault.code = static_cast<int>(code->get_int64());
  if (const auto* const message = error->get_object().if_contains("message");
      message != nullptr && message->is_string())
    fault.message = view(message->get_string());
  if (const auto* const data = error->get_object().if_contains("data")) fault.data = *data;
  out.outcome = std::move(fault);
  return out;
}

}  // namespace

std::expected<Message, Fault> read(std::string_view text) {
  const auto parsed = parse_json(text);
  if (!parsed) return std::unexpected(Fault{.code = parse_error, .message = "parse error: " + parsed.error().message});
  if (!parsed->is_object()) return invalid("it is not an object");
  const auto& object = parsed->get_object();
  const auto* const version = object.if_contains("jsonrpc");
  if (version == nullptr || *version != "2.0") return invalid("`jsonrpc` is not \"2.0\"");
  const auto* const id = object.if_contains("id");
  return object.contains("method") ? read_call(object, id) : read_answer(object, id);
}

JsonObject to_json(const Call& call) {
  JsonObject out{{"jsonrpc", "2.0"}};
  if (!call.id.is_null()) out["id"] = call.id;
  out["method"] = call.method;
  if (!call.params.empty()) out["params"] = call.params;
  return out;
}

JsonObject to_json(const Answer& answer) {
  JsonObject out{{"jsonrpc", "2.0"}, {"id", answer.id}};
  if (const auto* const fault = answer.fault()) {
    JsonObject error{{"code", fault->code}, {"message", fault->message}};
    if (!fault->data.is_null()) error["data"] = fault->data;
    out["error"] = std::move(error);
  } else {
    out["result"] = std::get<JsonObject>(answer.outcome);
  }
  return out;
}

}  // namespace dspy::rpc
