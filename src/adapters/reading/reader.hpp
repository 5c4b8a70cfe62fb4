#pragma once

#include "adapters/coercion/coerce.hpp"
#include "adapters/coercion/repairs.hpp"
#include "adapters/json/json_search.hpp"
#include "adapters/reading/reply_form.hpp"
#include "adapters/sections/label_sections.hpp"
#include "adapters/sections/marker_sections.hpp"
#include "adapters/sections/tag_sections.hpp"
#include "dspy/adapters/adapter.hpp"

#include <cstddef>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// True if a reply is blank, or an object without members.
bool holds_nothing(std::string_view reply);

/// Finds the outputs of a signature in a reply.  The form that was asked for goes first, then a
/// JSON object, then the other forms, then the whole text if there is one output only.
/// docs/guide/adapters.md has the rules and the names of all flags.
///
/// Refers to the form and the completion while it lives.
class ReplyReader {
 public:
  explicit ReplyReader(const ReplyForm& form, std::string_view completion);
  ReplyReader(const ReplyReader&) = delete;
  ReplyReader& operator=(const ReplyReader&) = delete;

  /// The text of an output as written in the reply, or nothing if it is absent or empty.
  std::optional<std::string> raw_text(std::size_t output) const;

  /// The reply was ended before the model was done, so that a value at its end may lack a part.
  void set_cut(bool is_cut) noexcept { is_cut_ = is_cut; }

  /// How many replies this thread has read as a whole.
  static std::size_t count() noexcept;

  /// The outputs as values.
  std::expected<Reading, Unreadable> read() &&;

 private:
  enum class Found { nothing, sections, json, whole };
  using Form = ReplyForm::Form;
  struct Behind {
    bool is_doubted = false;  ///< Single tags count too, where they were not asked for.
  };

  /// Reads a part of a reply behind its thoughts.
  ReplyReader(const ReplyForm& form, std::string_view part, Behind behind);

  void make_valid_utf8();
  void skip_prelude();
  void settle_thoughts();
  bool covers(const ReplyReader& other) const;
  bool is_in_value(std::size_t at) const;
  void begin_anew(std::size_t start);
  Found find();
  std::optional<Found> find_as(Form form);
  bool cut_into_sections(Form form);
  bool is_sure_of_tags() const noexcept;
  Found accept_sections();
  bool holds_json_lines() const noexcept;
  bool is_ambiguous() const noexcept;
  void note_sections();
  std::optional<Found> find_json(std::size_t until, std::size_t beyond);
  void note_json(const FoundObject& found);
  void place_members(FoundObject found);
  bool has_marker() const noexcept { return markers_ && markers_->has_mark(); }
  void take_whole();
  bool ends_in_mark() const;
  bool is_other_object() const;
  bool is_cut_object() const;
  bool is_tagged() const noexcept { return tags_ && sections_ == &*tags_; }
  std::optional<Coerced> value_of(std::size_t output, const Field& field, Repairs& repairs) const;
  std::optional<Coerced> section_value(std::size_t output, const Field& field, Repairs& repairs) const;
  std::optional<Json> value_without_limits(std::size_t output) const;
  std::optional<std::string> second_text(std::size_t output) const;
  std::optional<std::string> text_behind_end(std::size_t output) const;
  bool is_braced_name(std::size_t output) const;
  bool may_be_said(std::size_t output) const;
  std::vector<std::string_view> gaps() const;
  void note_elements(std::string_view text);
  bool touches_end(std::size_t output) const;
  bool may_lack_a_part(std::size_t output, const Field& field, const Json& value) const;
  bool is_contradicted(std::size_t output, const Field& field, const Json& value) const;
  bool is_answered_twice() const;
  std::string_view text_behind() const;
  bool says_otherwise(std::string_view rest, std::size_t output, const Field& field, const Json& value) const;
  Coerced unless_taken_back(std::string_view text, std::size_t output, const Field& field, Coerced value) const;
  const std::string* member_outside(std::size_t output, const Json& value) const;
  void take(std::string_view repair) { Repairs(flags_, {}).take(repair); }

  const ReplyForm& form_;
  const Signature& signature_;
  std::string_view text_;
  std::string repaired_;   ///< Holds the text where the completion is not UTF-8.
  std::size_t start_ = 0;  ///< Where the reply proper begins in the text.
  std::optional<LabelSections> labels_;
  std::optional<MarkerSections> markers_;
  std::optional<TagSections> tags_;
  const Sections* sections_ = nullptr;     ///< Those that were accepted, or are being tried.
  std::vector<std::optional<Json>> json_;  ///< By output, if the reply is JSON.
  std::vector<std::string> extra_keys_;    ///< Of that object, those that name no output; or elements between others.
  std::size_t object_begin_ = 0;           ///< Where that object begins and ends in the text.
  std::size_t object_end_ = 0;
  std::optional<std::size_t> cut_member_;   ///< The output whose JSON string has no end.
  std::optional<std::size_t> last_member_;  ///< The last output of an object that nothing closes.
  bool is_cut_ = false;
  bool is_part_ = false;  ///< Only a part of a reply is read, to see what it says.
  bool is_doubted_ = false;
  std::string_view whole_;
  std::vector<Flag> flags_;
  std::string cause_;  ///< Why there is nothing, if something is broken.
  Found found_ = Found::nothing;
};

}  // namespace dspy
