#pragma once

#include "adapters/sections/labels.hpp"
#include "adapters/sections/markers.hpp"
#include "adapters/sections/tags.hpp"
#include "dspy/lm/request.hpp"

#include <memory>
#include <utility>

namespace dspy {

/// How the replies of a signature are written, worked out once for all of them: the form that was
/// asked for, and what the fields are called in each.  Immutable; any number of threads may use it.
struct ReplyForm {
  using Form = OutputContract::Form;

  ReplyForm(std::shared_ptr<const Signature> owned, Form asked_for, XmlText text)
      : signature(std::move(owned)), form(asked_for), labels(*signature), markers(labels), tags(labels, text) {}
  ReplyForm(const ReplyForm&) = delete;
  ReplyForm& operator=(const ReplyForm&) = delete;

  std::shared_ptr<const Signature> signature;
  Form form;
  Labels labels;
  Markers markers;
  Tags tags;
};

}  // namespace dspy
