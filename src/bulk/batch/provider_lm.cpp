#include "dspy/providers/provider_lm.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/secret.hpp"
#include "dspy/bulk/batch/batch.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/lm/lm.hpp"
#include "dspy/providers/dialect.hpp"
#include "dspy/providers/remote_options.hpp"
#include "lm/uri.hpp"

#include <format>
#include <memory>
#include <string_view>
#include <utility>

namespace dspy {

std::shared_ptr<LM> provider_lm(std::string_view model, Secret key, std::shared_ptr<http::Transport> transport) {
  const auto uri = parse_lm_uri(model);
  if (find_dialect(uri.scheme) == nullptr)
    throw Error(Errc::config_error,
                std::format("`{}` is not a model of a provider, and only these have batches; name one such as "
                            "openai/gpt-5.4-mini, or use `dspy run`",
                            model));
  auto options = remote_options(uri);
  if (!key.is_empty()) options.api_key = std::move(key);
  options.transport = std::move(transport);
  return remote(uri.scheme, std::move(options));
}

}  // namespace dspy
