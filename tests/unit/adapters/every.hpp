#pragma once

#include "adapters/sections/xml_text.hpp"
#include "dspy/adapters/adapter.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace dspy::test {

/// An adapter with a form of its own for replies, and the folder of its cases under `tests/cases`.
struct EachAdapter {
  std::string_view name;
  OutputContract::Form form;
  std::string_view question_reader;  ///< The adapter whose replies look like this one's questions.
  XmlText text = XmlText::entities;

  std::shared_ptr<const Adapter> make() const { return adapter(name); }
};

inline const std::vector<EachAdapter> every_adapter = {
    {"field", OutputContract::Form::fields, "field"},
    {"chat", OutputContract::Form::markers, "chat"},
    {"json", OutputContract::Form::json, "chat"},
    {"xml", OutputContract::Form::xml, "xml"},
    {"xml@dspy-3.5", OutputContract::Form::xml, "xml@dspy-3.5", XmlText::literal},
};

}  // namespace dspy::test
