#pragma once

#include "adapters/sections/sections.hpp"
#include "dspy/signature/signature.hpp"

#include <cstddef>
#include <string_view>

namespace dspy {

/// Sections whose marks may be anywhere in the text.  Their first character is searched for twice: once ahead, since
/// later marks decide what earlier ones are, then for cutting.
class SearchedSections : public Sections {
 public:
  bool step(std::string_view text, bool complete) final;

 protected:
  enum class Verdict {
    passed,   ///< No section began or ended; the search continues after it.
    changed,  ///< One did.
    wait,     ///< It takes more text to decide.
  };
  /// What was found by looking ahead: how long it is, and whether more text might make it a mark.
  struct Seen {
    std::size_t size = 0;
    bool is_cut = false;
  };

  SearchedSections(const Signature& signature, char opening);

  /// Records what is at `at`, where the opening character is.
  virtual Seen look_at(std::string_view text, std::size_t at, bool complete) = 0;
  /// Acts on what is at `at`; moves `looked_at_` behind it if that was passed.
  virtual Verdict read_at(std::string_view text, std::size_t at, bool complete) = 0;
  /// How much of the text before `end` surely belongs to a value if no more of it is known.
  virtual std::size_t settled(std::string_view text, std::size_t end) const noexcept = 0;
  /// The open section has grown.
  virtual void added(std::string_view text) noexcept = 0;
  /// The text has ended without a mark that ends it.
  virtual void close_at_end(std::string_view text) = 0;

  /// The open section's text extends to `end`.
  void read_to(std::string_view text, std::size_t end);

  std::size_t required_left_ = 0;  ///< Required outputs without a section.
  std::size_t looked_at_ = 0;      ///< How far the text is searched.
  bool ended_ = false;

 private:
  void look_ahead(std::string_view text, bool complete);

  char opening_;
  std::size_t ahead_ = 0;  ///< How far the text is searched ahead.
};

}  // namespace dspy
