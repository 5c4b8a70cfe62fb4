#pragma once

#include "dspy/llama/media.hpp"
#include "llama/media/senses_file.hpp"
#include "llama/model/runtime.hpp"

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace dspy::llama {

/// What stands for the rows of one stretch of a picture or a sound in a prompt: so many tokens, none of which is in the
/// vocabulary: `first`, `first - 1`, ….  The same content always gets the same ones, and no other does, so that prompts
/// are told apart, shared and remembered by their tokens alone.
struct MediaPiece {
  Token first = 0;
  int count = 0;
  int positions = 0;
  std::vector<float> rows{};
  std::vector<int> places{};
  bool causal = true;

  Token last() const noexcept { return first - count + 1; }
};

/// A picture or a sound as a model reads it.
struct Medium {
  std::vector<Token> tokens{};  ///< Of the vocabulary around and between the pieces, and the pieces'.
  std::vector<MediaPiece> pieces{};
  std::size_t bytes = 0;
};

/// Whether a token stands for a part of a picture or a sound.
constexpr bool is_media(Token token) noexcept {
  return token < -1;
}

/// A model's image or audio part: encodes pictures and sounds, each content once, and keeps what it encoded as long as
/// somebody uses it or there is room.  Loaded when it is first needed.  Thread-safe; one medium is encoded at a time.
class Senses {
 public:
  Senses(SensesFile file, MediaOptions options, int threads, bool on_card, RuntimeModel& model)
      : file_(std::move(file)), options_(std::move(options)), threads_(threads), on_card_(on_card), model_(&model) {}

  const SensesFile& file() const noexcept { return file_; }
  const MediaOptions& options() const noexcept { return options_; }

  /// A file's bytes.  Throws `Error`: `unsupported` (not a kind this model reads), `bad_input` (unreadable, or above a
  /// limit), and what loading throws.  `what` names it in messages.
  std::shared_ptr<const Medium> read(std::span<const std::byte> file, bool is_sound, const std::string& what);

  /// The medium that a token belongs to, and which piece; nothing once nobody holds it.
  struct Found {
    std::shared_ptr<const Medium> medium{};
    const MediaPiece* piece = nullptr;
  };
  Found find(Token token) const;

  MediaStats stats() const;

 private:
  struct Kept {
    std::string key{};
    std::shared_ptr<const Medium> medium{};
  };

  void check(std::span<const std::byte> file, bool is_sound, const std::string& what) const;
  std::shared_ptr<const Medium> known(const std::string& key);
  std::shared_ptr<const Medium> number(const std::string& key, std::vector<SensePiece> pieces);
  void keep(const std::string& key, std::shared_ptr<const Medium> medium);

  SensesFile file_;
  MediaOptions options_;
  int threads_;
  bool on_card_;
  RuntimeModel* model_;
  std::mutex encoding_;
  std::unique_ptr<RuntimeSenses> loaded_;  ///< Under `encoding_`.

  mutable std::mutex mutex_;
  std::list<Kept> kept_;  ///< Those used last come first.
  std::map<std::string, std::weak_ptr<const Medium>> by_content_;
  std::map<Token, std::weak_ptr<const Medium>> by_last_;  ///< By the last token of each piece.
  /// The first token of each piece and how many it has, by content.
  std::map<std::string, std::vector<std::pair<Token, int>>> numbers_;
  Token next_ = -2;
  MediaStats stats_;
};

}  // namespace dspy::llama
