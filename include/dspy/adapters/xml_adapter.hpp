#pragma once

#include "dspy/adapters/adapter.hpp"
#include "dspy/adapters/profile.hpp"

#include <string>

namespace dspy {

/// The sentences between the parts of an `XmlAdapter`'s prompt.  Replace any of them; one that is
/// empty is left out.
struct XmlTexts {
  std::string inputs = "What you are given:";
  std::string outputs = "What you are to write:";
  std::string structure = "Questions and replies are cut into elements. A value stands between its field's tags:";
  /// In the profile `dspy-3.5`, after the elements.
  std::string literal =
      "Text stands between tags letter by letter, without entities; several lines stand on lines of their own. "
      "<name/> is no value, <name></name> an empty text.";
  std::string task = "The task:";
  /// Ends the question.  `{outputs}` stands for the opening tags in order, with their types.
  std::string request = "Now write the elements {outputs}, each with its closing tag.";
  std::string partial_example = "(An example that leaves out some elements.)";  ///< Before such a demonstration.
  /// Stands for an output that the demonstration does not have: as in Python DSPy, since models and saved prompts know
  /// these words.
  std::string missing_in_example = "Not supplied for this particular example. ";

  bool operator==(const XmlTexts&) const = default;
};

struct XmlAdapterOptions {
  XmlTexts texts = {};
  Profile profile = Profile::newest;
};

/// For models that were trained to keep to tags: each value stands between `<name>` and `</name>`.
///
/// Structure, order and the rendering of values are those of Python DSPy; the sentences between
/// them are ours.  Lists and objects among the outputs are nested elements, `<item>` for an item.
/// In an output's text `&` and `<` are entities; in an input's only what would read as a tag of
/// the signature, or as such an entity, so that code stays code.  In the profile `dspy-3.5` text
/// stands as it is, and what would read as a tag is CDATA.  A reply is read by its tags,
/// then as JSON, then by markers or labelled lines.
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
