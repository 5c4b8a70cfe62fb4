#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/models/source.hpp"
#include "models/transfer.hpp"

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::models {

/// What a source has to be fetched.
struct Offer {
  std::vector<RemoteFile> files = {};  ///< The model's first.
  std::string revision = {};
  std::string license = {};
  std::string license_url = {};     ///< Of its text, where that is all there is.
  std::string license_digest = {};  ///< Of that text, with `sha256:` before it.
  bool takes_token = false;         ///< Whether the hub's token goes with requests.
};

struct Hub {
  std::shared_ptr<http::Transport> transport = {};
  std::string hugging_face = {};  ///< Without a slash at the end.
  std::string ollama = {};
  Secret token = {};
  std::stop_token stop = {};
  bool with_senses = true;
};

/// Asks what `source` has.  Throws what `pull` throws.
Async<Offer> offer_of(Source source, Hub hub);

// Without I/O, what answers mean:

/// A repository's description (`/api/models/…?blobs=true`).  Throws `Error` (`model_not_found`) with the files that
/// there are, where the wanted one is not among them.
Offer read_repository(const Source& source, const Json& json, const std::string& endpoint, bool with_senses);
/// An Ollama manifest.
Offer read_manifest(const Source& source, const Json& json, const std::string& endpoint);
/// The name of the file that is the best start among `names`: `wanted` is a name or a format (`Q4_K_M`), or empty.
std::optional<std::string> choose_file(const std::vector<std::string>& names, std::string_view wanted);
/// All parts of a model in parts, in order; the name itself if it is not a part.
std::vector<std::string> parts_of(const std::string& name);

}  // namespace dspy::models
