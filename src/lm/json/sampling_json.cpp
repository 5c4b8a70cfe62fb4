#include "lm/json/sampling_json.hpp"

#include "dspy/base/error.hpp"

#include <format>
#include <string_view>
#include <utility>

namespace dspy {
namespace {

[[noreturn]] void reject(std::string_view member, std::string_view wanted, const Json& value) {
  throw Error(Errc::config_error, std::format("`{}` must be {}, not {}", member, wanted, to_text(value)));
}

}  // namespace

JsonObject to_json(const Sampling& sampling) {
  JsonObject out;
  const auto add = [&](std::string_view name, const auto& value) {
    if (value) out[name] = *value;
  };
  add("max_tokens", sampling.max_tokens);
  add("temperature", sampling.temperature);
  add("top_p", sampling.top_p);
  add("top_k", sampling.top_k);
  add("min_p", sampling.min_p);
  add("repeat_penalty", sampling.repeat_penalty);
  add("repeat_last_n", sampling.repeat_last_n);
  add("frequency_penalty", sampling.frequency_penalty);
  add("presence_penalty", sampling.presence_penalty);
  add("seed", sampling.seed);
  add("logprobs", sampling.logprobs);
  if (!sampling.field_temperatures.empty()) {
    JsonObject by_field;
    for (const auto& [field, temperature] : sampling.field_temperatures) by_field[field] = temperature;
    out["field_temperatures"] = std::move(by_field);
  }
  if (!sampling.stop.empty()) out["stop"] = JsonArray(sampling.stop.begin(), sampling.stop.end());
  return out;
}

Sampling sampling_from_json(const JsonObject& written) {
  Sampling out;
  const auto real = [](std::string_view name, const Json& value) {
    if (!value.is_number()) reject(name, "a number", value);
    return value.to_number<double>();
  };
  const auto integer = [](std::string_view name, const Json& value) {
    boost::system::error_code code;
    const auto number = value.is_number() ? value.to_number<int>(code) : 0;
    if (code || !value.is_number()) reject(name, "an integer", value);
    return number;
  };
  for (const auto& [name, value] : written) {
    if (name == "max_tokens") {
      out.max_tokens = integer(name, value);
    } else if (name == "temperature") {
      out.temperature = real(name, value);
    } else if (name == "top_p") {
      out.top_p = real(name, value);
    } else if (name == "top_k") {
      out.top_k = integer(name, value);
    } else if (name == "min_p") {
      out.min_p = real(name, value);
    } else if (name == "repeat_penalty") {
      out.repeat_penalty = real(name, value);
    } else if (name == "frequency_penalty") {
      out.frequency_penalty = real(name, value);
    } else if (name == "presence_penalty") {
      out.presence_penalty = real(name, value);
    } else if (name == "repeat_last_n") {
      out.repeat_last_n = integer(name, value);
    } else if (name == "logprobs") {
      out.logprobs = integer(name, value);
    } else if (name == "field_temperatures") {
      if (!value.is_object()) reject(name, "an object of numbers", value);
      for (const auto& [field, temperature] : value.get_object())
        out.field_temperatures[field] =
            real(std::format("field_temperatures.{}", std::string_view(field)), temperature);
    } else if (name == "seed") {
      boost::system::error_code code;
      out.seed = value.is_number() ? value.to_number<std::uint64_t>(code) : 0;
      if (code || !value.is_number()) reject(name, "an integer from 0", value);
    } else if (name == "stop") {
      if (!value.is_array()) reject(name, "a list of texts", value);
      for (const auto& word : value.get_array()) {
        if (!word.is_string()) reject(name, "a list of texts", value);
        out.stop.emplace_back(view(word.get_string()));
      }
    } else {
      throw Error(Errc::config_error, std::format("`{}` is not a member of `sampling`", std::string_view(name)));
    }
  }
  validate(out);
  return out;
}

}  // namespace dspy
