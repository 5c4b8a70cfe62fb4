#pragma once

#include "adapters/json/json_follower.hpp"
#include "adapters/reading/reader.hpp"
#include "adapters/reading/reply_form.hpp"
#include "adapters/sections/sections.hpp"
#include "dspy/adapters/adapter.hpp"
#include "dspy/base/text.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dspy {

/// Hands out the fields of a reply while it grows, by the reader's own rules.  Text is held back
/// only while it could still become a label, a fence or an escape, and white space until
/// something follows it.  At the end the reader reads the whole reply once more, and corrects
/// what looked otherwise before the end was known.
class ReplyStream final : public FieldStream {
 public:
  explicit ReplyStream(std::shared_ptr<const ReplyForm> form);

  void push(std::string_view bytes, const FieldSink& sink) override;
  void finish(const FieldSink& sink) override;

  /// What read the whole reply at its end, for a completion of that text in the same form; null where the reply is
  /// another, and the second time.
  ReplyReader* reader_of(const std::shared_ptr<const ReplyForm>& form, std::string_view completion) noexcept;

 private:
  enum class Mode {
    start,     ///< Nothing but white space or thoughts so far.
    sections,  ///< Sections, or still waiting for the first.
    json,      ///< An object from its first byte.
    silent,    ///< Only the end can tell.
  };

  /// What was handed out of one output.
  struct Progress {
    std::string sent = {};
    bool done = false;
  };

  bool skip_prelude();
  bool choose_mode();
  void follow_sections(const FieldSink& sink);
  bool may_be_whole() const noexcept;
  void change_section(std::optional<std::size_t> before, const FieldSink& sink);
  void flow(std::size_t output, std::size_t end, const FieldSink& sink);
  void send(const FieldSink& sink, std::size_t output, std::string_view text, bool done);
  void correct(const FieldSink& sink, std::size_t output, const std::optional<std::string>& raw);

  const Signature& signature() const noexcept { return *form_->signature; }

  std::shared_ptr<const ReplyForm> form_;
  std::unique_ptr<Sections> sections_;
  std::optional<JsonFollower> json_;
  text::Utf8Buffer utf8_;
  std::string text_;
  std::vector<Progress> progress_;
  Mode mode_ = Mode::start;

  bool start_known_ = false;
  std::size_t start_ = 0;              ///< Where the reply proper begins.
  bool in_thoughts_ = false;           ///< It begins behind thoughts whose end has not come.
  std::string closing_;                ///< The mark that ends them.
  std::size_t searched_ = 0;           ///< How far that end, or anything but white space, was looked for.
  bool fenced_ = false;                ///< The reply begins with a fence.
  bool opened_ = false;                ///< There was a section.
  std::size_t sent_to_ = 0;            ///< How far the open section was handed out.
  std::size_t scanned_ = 0;            ///< How far it was searched for what is not white space,
  std::size_t solid_ = 0;              ///< and where the last of that ends.
  std::optional<ReplyReader> reader_;  ///< Of the finished text.
  bool is_reader_taken_ = false;
  std::string piece_;  ///< Scratch for the text of an event.
};

}  // namespace dspy
