#include "programs/program_place.hpp"

namespace dspy {

void ProgramPlace::fail(std::string_view problem) const {
  throw Error(Errc::config_error,
              std::format("{}: {}{}", source_, path_.empty() ? std::string() : std::format("`{}` ", path_), problem));
}

const JsonObject& ProgramPlace::object() const {
  if (!value_->is_object()) fail("must be an object");
  return value_->get_object();
}

const JsonArray& ProgramPlace::array() const {
  if (!value_->is_array()) fail("must be a list");
  return value_->get_array();
}

std::string ProgramPlace::text() const {
  if (!value_->is_string()) fail("must be text");
  return std::string(view(value_->get_string()));
}

double ProgramPlace::number() const {
  if (!value_->is_number()) fail("must be a number");
  return value_->to_number<double>();
}

std::uint64_t ProgramPlace::count() const {
  boost::system::error_code code;
  const auto count = value_->is_number() ? value_->to_number<std::uint64_t>(code) : 0;
  if (code || !value_->is_number()) fail("must be a count");
  return count;
}

std::optional<ProgramPlace> ProgramPlace::find(std::string_view name) const {
  const auto* value = object().if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  return ProgramPlace(source_, path_.empty() ? std::string(name) : std::format("{}.{}", path_, name), *value);
}

ProgramPlace ProgramPlace::at(std::string_view name) const {
  if (auto place = find(name)) return *std::move(place);
  fail(std::format("has no `{}`", name));
}

}  // namespace dspy
