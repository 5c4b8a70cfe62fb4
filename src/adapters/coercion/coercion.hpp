#pragma once

#include "adapters/coercion/coerce.hpp"
#include "adapters/json/lenient_json.hpp"
#include "signature/fit/fit.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace dspy {

/// Gives a variable another value for as long as it lives.
template <class T>
class Held {
 public:
  Held(T& place, T value) : place_(place), before_(std::exchange(place, value)) {}
  ~Held() { place_ = before_; }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  T& place_;
  T before_;
};

/// For text that looked like JSON: names the part at fault if it was that, else the text.
Coerced refuse_json(std::string_view text, std::string_view complaint, Refusal inner);

/// A model's text or JSON as a value of a type: recursive descent along the type.
class Coercion {
 public:
  Coercion(Repairs& repairs, const Scope* scope) : repairs_(repairs), scope_(scope) {}

  Coerced from_text(const Type& type, std::string_view text);
  Coerced from_json(const Type& type, Json value);

 private:
  /// A null only as a bare word; in quotes it is text, if text is allowed.
  Coerced optional_from_text(const Type& inner, std::string_view text);
  Coerced null_from_text(std::string_view text);
  /// What is a list or an object of the union is not text.
  Coerced union_from_text(const Type& type, std::string_view text);
  /// JSON if all of it is, in our spelling or Python's; else text.
  Coerced any_from_text(std::string_view text);
  /// A date, datetime, time or duration; of all but a time, numbers count seconds.
  Coerced time_from_json(const Type& type, Json value);
  /// Text that is the value itself, such as a date, without quotes and emphasis around it.
  Coerced plain_value(const Type& type, std::string_view text);
  /// True if a choice differs from the text in letter case alone.
  static bool is_near_choice(const Type& type, std::string_view text);
  /// True if any JSON is a value of the type, a string in quotes too.
  static bool takes_json(const Type& type);
  /// True if a JSON text is a value of the type unchanged, so it means that text.
  static bool takes_text(const Type& type, std::string_view text);

  Coerced text_of(Json value);
  /// A JSON number, boolean or string for a scalar type.
  Coerced scalar_from_json(const Type& type, const Json& value);
  /// Refuses text that may be a number too large for any value, whose digits the JSON reader keeps.
  Coerced any_from_json(Json value);
  Coerced list_from_json(const Type& type, Json value);
  Coerced dict_from_json(const Type& type, Json value);
  Coerced tuple_from_json(const Type& type, Json value);
  /// Members of another name have the type of all others, if there is one; else they are dropped, if the object has all
  /// of its own.  If not, one of them may be misspelt, and `fit` names it.
  Coerced object_from_json(const Type& type, Json value);

  Coerced list_from_text(const Type& type, std::string_view original);
  /// `(1, 2)` and `{1, 2}`, as Python writes tuples and sets.  `(1)` is not one.
  std::optional<Json> python_list(const Type& type, std::string_view text);
  /// `'a', 'b'`: a list without its brackets.
  std::optional<Json> quoted_items(const Type& type, std::string_view text);
  template <class Items>
  Coerced list_of(const Type& type, const Items& items, std::string_view repair);
  /// True if all of the text is a value of the scalar type, without anything around it.
  bool reads_as(const Type& type, std::string_view text);
  /// True if several of the pieces in a row, with the commas between them, are an item too: then `1,234, 5` may be
  /// two items or three.
  bool is_ambiguous_list(const Type& item, std::string_view text, const std::vector<std::string_view>& pieces);

  /// The content, if `text` is a single code fence.
  std::string_view unfenced(std::string_view text);
  Coerced code_from_text(const Type& type, std::string_view text);
  /// Reads a JSON value that all of `text` is, but for separate lines after it.
  Coerced json_text(const Type& type, std::string_view text);
  Coerced dict_from_text(const Type& type, std::string_view original);
  /// The value of the one JSON list that a text announces: behind a colon, to the end of a line, fenced or not.
  std::optional<Json> list_inside(const Type& type, std::string_view text);
  /// The value of the one JSON object in a text that says something around it.  With a second one it would be a guess.
  std::optional<Json> object_inside(const Type& type, std::string_view text);

  /// How specific a type is.  An integer was read exactly; any text is a string, and many words are base64.
  static int rank(const Type& type, const Json& value) noexcept;

  /// The alternative that needs the fewest repairs; on a tie one that keeps a JSON `value` unchanged, then the most
  /// specific one: text that reads as a number or a date is one, and an integer is not a float.
  template <class F>
  std::optional<Json> best_of(const Type& type, const Json* value, F&& read_as) {
    struct Merits {
      std::size_t repairs;
      bool is_changed;
      int rank;

      bool are_better_than(const Merits& other) const noexcept {
        return std::tuple(repairs, is_changed, -rank) < std::tuple(other.repairs, other.is_changed, -other.rank);
      }
    };
    const auto mark = repairs_.mark();
    std::optional<Json> best;
    std::vector<Flag> best_flags;
    Merits best_merits{};
    const Held depth(union_depth_, union_depth_ + 1);
    for (const auto& alternative : type.arguments) {
      if (union_steps_ > most_union_steps) return std::nullopt;
      auto read = read_as(alternative);
      auto flags = repairs_.cut(mark);
      if (!read) continue;
      auto fitted = fit(alternative, *std::move(read), scope_, union_steps_);
      if (!fitted) continue;
      const Merits merits{.repairs = flags.size(),
                          .is_changed = value != nullptr && *fitted != *value,
                          .rank = rank(alternative, *fitted)};
      if (best && !merits.are_better_than(best_merits)) continue;
      best = *std::move(fitted);
      best_flags = std::move(flags);
      best_merits = merits;
    }
    repairs_.take(best_flags);
    return best;
  }

  std::unexpected<Refusal> refused_union(const Type& type, const Json& value) const;
  /// The alternative of a union whose literal members alone the object has, as `type: Literal['b']`.
  const Type* tagged_alternative(const Type& type, const Json& value) const;
  Coerced refused_alternative(const Type& type, const Json& value);

  /// Calls `read` with the object that a reference means; in there, references mean what is around that.
  template <class F>
  Coerced at_reference(const Type& type, Json value, F&& read) {
    const auto* const found = find_object(scope_, type.name);
    if (found == nullptr) return value;  // `fit` has the last word
    const Held scope(scope_, found->outer);
    return read(found->object, std::move(value));
  }

  Repairs& repairs_;
  const Scope* scope_;  ///< The objects around what is being read.
  int union_depth_ = 0;
  int union_steps_ = 0;
};

}  // namespace dspy
