#pragma once

#include "adapters/json_search.hpp"
#include "adapters/labels.hpp"
#include "adapters/liberties.hpp"
#include "adapters/sections.hpp"
#include "dspy/adapters/adapter.hpp"

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Finds the outputs of a signature in a reply, by three strategies in this order: labelled
/// lines, a JSON object, and the whole text if there is one output only.  docs/guide/adapters.md
/// has the rules and the names of all flags.
///
/// Refers to the signature and the completion while it lives.
class ReplyReader {
 public:
  ReplyReader(const Signature& signature, std::string_view completion);

  /// The text of an output as it stands in the reply, or nothing if it is absent or empty.
  std::optional<std::string> raw_text(std::size_t output) const;

  /// The outputs as values.
  std::expected<Reading, Unreadable> read() &&;

 private:
  enum class Form { nothing, sections, json, whole };

  void make_valid_utf8();
  Form find_form();
  bool is_ambiguous() const noexcept;
  void read_sections();
  bool find_json(std::size_t until, std::size_t beyond);
  void note_json(const FoundObject& found);
  void place_members(FoundObject found);
  void take_whole();
  void take(std::string_view liberty) { Liberties(flags_, {}).take(liberty); }

  const Signature& signature_;
  std::string_view text_;
  std::string repaired_;   ///< Holds the text where the completion is not UTF-8.
  std::size_t start_ = 0;  ///< Where the reply proper begins in the text.
  Labels labels_;
  Sections sections_;
  std::vector<std::optional<Json>> json_;  ///< By output, if the reply is JSON.
  std::optional<std::size_t> cut_member_;  ///< The output whose JSON string has no end.
  std::string_view whole_;
  std::vector<Flag> flags_;
  Form form_ = Form::nothing;
};

}  // namespace dspy
