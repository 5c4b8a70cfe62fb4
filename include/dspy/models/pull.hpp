#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/models/catalogue.hpp"
#include "dspy/models/store.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace dspy::models {

/// How far a file has come.
struct PullProgress {
  std::string file = {};
  std::uint64_t done = 0;
  std::optional<std::uint64_t> total = {};  ///< Where anybody said.
  std::string note = {};                    ///< What else there is to tell, such as a licence or a second try.
};

struct PullOptions {
  /// Where models come from: `HF_ENDPOINT`, `HF_TOKEN` and `OLLAMA_ENDPOINT` of the environment, unless set here.
  std::string hugging_face = {};
  std::string ollama = {};
  Secret token = {};
  std::shared_ptr<http::Transport> transport = {};  ///< The process's own if empty.
  std::string name = {};                            ///< To be kept under; empty: `default_name`.
  bool with_senses = true;  ///< Fetch the image or audio part (mmproj) that the repository has for the model.
  std::function<void(const PullProgress&)> progress = {};
  std::stop_token stop = {};
  int attempts = 5;                       ///< In a row without a new byte.
  std::chrono::milliseconds pause{1000};  ///< After a failure; doubled for each that follows.
};

/// A file that is another than before.
struct FileChange {
  std::string name = {};
  std::optional<KeptFile> before = {};  ///< Nothing: it is new.
  std::optional<KeptFile> after = {};   ///< Nothing: it was removed.

  bool operator==(const FileChange&) const = default;
};

/// What `pull` did.
struct Pulled {
  KeptModel model = {};
  std::uint64_t fetched = 0;             ///< Bytes downloaded; 0: everything was present.
  std::optional<KeptModel> before = {};  ///< What was here under that name.
  std::vector<FileChange> changes = {};

  bool operator==(const Pulled&) const = default;
};

/// Downloads a model into `store`, or resumes an earlier download.  Files are checked against the size and the SHA-256
/// from the catalogue or the source, and appear atomically; concurrent pulls of the same model download it once.
/// Unchanged files are not downloaded again, so this also updates a model; if a source gives no digest, a conditional
/// request is made.
///
/// Throws `Error`: `invalid_parameter` (not a source); `model_not_found`; `authentication_failed` (gated, or no token);
/// `unavailable`, `timeout` (offline too) and `stream_broken` after so many attempts; `io_error` (no room, no rights);
/// `model_load_error` (what came is not a GGUF file); `cancelled`.
Async<Pulled> pull(std::string source, Catalogue catalogue, ModelStore store, PullOptions options = {});

}  // namespace dspy::models
