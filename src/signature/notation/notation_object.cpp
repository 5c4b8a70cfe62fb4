// Objects within the notation: `Person{name: str, age: int}`.

#include "dspy/base/text.hpp"
#include "notation.hpp"

#include <algorithm>
#include <format>
#include <utility>

namespace dspy {

using namespace notation;

namespace {

constexpr std::size_t most_members = 1000;

}  // namespace

Type NotationReader::object(std::string_view name) {
  const auto brace = position_++;
  auto* const field = std::exchange(field_, nullptr);
  must_check_ = true;
  if (depth_++ == deepest) fail(std::format("types are nested deeper than {}", deepest), brace, "use a flatter type");
  open_.push_back({std::string(name), open_.size()});
  auto out = Type::object(std::string(name), {});
  auto& members = out.members.edit();
  for (skip_space(); !take('}'); skip_space()) {
    if (at_end() || at_arrow()) fail("the `{` is not closed", brace, "add a `}`");
    if (!out.arguments.empty()) fail("`**` stands before another member", position_, "write it last");
    if (text_.substr(position_).starts_with("**")) {
      position_ += 2;
      skip_space();
      if (!take(':')) fail("the type of all other members is missing", position_, "write `**: Any`");
      out.arguments.push_back(type());
    } else {
      member(members, brace);
    }
    skip_space();
    if (!take(',') && here() != '}' && !at_end() && !at_arrow()) fail_unexpected();
  }
  const auto open = std::move(open_.back());
  open_.pop_back();
  --depth_;
  field_ = field;
  const bool is_closed = open.outermost >= open_.size();
  if (!is_closed && !open_.empty()) open_.back().outermost = std::min(open_.back().outermost, open.outermost);
  if (is_closed && !name.empty()) defined_.insert_or_assign(std::string(name), out);
  return out;
}

void NotationReader::member(std::vector<Field>& members, std::size_t brace) {
  const auto start = position_;
  const auto name = is_quote(here()) ? quoted() : std::string(word());
  if (name.empty())
    fail(std::format("`{}` is not a name of a member", token(start)), start, "use letters, or put it into quotes");
  if (std::ranges::contains(members, name, &Field::name))
    fail(std::format("the member `{}` is already defined", token(start)), start, "give each member a name of its own");
  if (members.size() == most_members)
    fail(std::format("an object has more than {} members", most_members), brace, "use a dict, or nest objects");
  auto& field = members.emplace_back(name);
  field.label = text::to_words(name);
  if (field.label.empty()) field.label = name;
  rest_of(field);
}

}  // namespace dspy
