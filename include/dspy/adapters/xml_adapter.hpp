#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/adapters/profile.hpp"

#include <string>

namespace dspy {

/// The sentences between the parts of an `XmlAdapter`'s prompt.  Replace any of them; one that is
/// empty is left out.
struct XmlTexts {
  std::string inputs = "Inputs:";
  std::string outputs = "Outputs:";
  std::string structure = "Format:";
  /// In the profile `dspy-3.5`, after the elements.
  std::string literal =
      "Write text between tags as it is, without entities; start text of several lines on a new line. "
      "<name/> means no value, <name></name> an empty text.";
  std::string task = "Task:";
  /// Ends the question.  `{outputs}` is replaced by the opening tags in order, with their types.
  std::string request = "Reply in this format.";
  std::string partial_example = "(An example with some fields missing.)";  ///< Before such a demonstration.
  /// Stands for an output that the demonstration does not have: as in Python DSPy, since models and saved prompts know
  /// these words.
  std::string missing_in_example = "Not supplied for this particular example. ";

  bool operator==(const XmlTexts&) const = default;
};

struct XmlAdapterOptions {
  XmlTexts texts = {};
  Profile profile = Profile::newest;
};

/// For models trained to use tags: each value is between `<name>` and `</name>`.
///
/// Structure, order and the rendering of values are those of Python DSPy; the sentences between them are ours.  Lists
/// and objects among the outputs are nested elements, `<item>` for an item.  In an output's text `&` and `<` are
/// entities; in an input's only what would be read as a tag of the signature, or as such an entity, so that code stays
/// readable.  In the profile `dspy-3.5` text is literal, and text that would be read as a tag is CDATA. A reply is read
/// by its tags, then as JSON, then by markers or labelled lines.
class XmlAdapter final : public Adapter {
 public:
  explicit XmlAdapter(XmlAdapterOptions options = {});

  std::string_view name() const noexcept override;
  std::shared_ptr<const Exchange> prepare(std::shared_ptr<const Signature> signature,
                                          std::span<const Example> demos = {}) const override;

 private:
  std::shared_ptr<const XmlAdapterOptions> options_;
};

}  // namespace dspy
