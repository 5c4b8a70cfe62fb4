#include "dspy/base/secret.hpp"
#include "dspy/base/text.hpp"
#include "dspy/config/config.hpp"
#include "dspy/storage/remote_cache.hpp"
#include "models/finding.hpp"

#ifdef DSPY_WITH_PROVIDERS
#include "dspy/base/wait.hpp"
#include "dspy/http/curl_transport.hpp"
#include "dspy/http/retry_after.hpp"
#include "dspy/http/transport.hpp"
#include "dspy/lm/key_handover.hpp"
#include "dspy/providers/dialect.hpp"
#include "dspy/providers/provider_lm.hpp"
#endif

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

namespace fs = std::filesystem;
using Level = Finding::Level;
using namespace std::chrono_literals;

class Outside {
 public:
  explicit Outside(std::vector<Finding>& findings) : findings_(findings) {}

  void examine(const std::string& model) {
    const auto config = attempt([] { return Config::load(); });
    if (!config) {
      add(Level::failure, "config", config.error().what());
    } else if (!config->lms().empty()) {
      add(Level::ok, "config", std::format("{} names {} LMs", config->source(), config->lms().size()));
    }
    examine_proxies();
    if (config) examine_cache(*config);
#ifdef DSPY_WITH_PROVIDERS
    if (!model.empty()) examine_model(model, model, Secret(), "");
    if (!config || !model.empty()) return;
    for (const auto& [name, lm] : config->lms()) examine_lm(*config, name, lm);
#else
    static_cast<void>(model);
#endif
  }

 private:
  void add(Level level, std::string subject, std::string text) {
    findings_.push_back({level, std::move(subject), std::move(text)});
  }

  void examine_proxies() {
    for (const auto* const name :
         {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"}) {
      const char* const value = std::getenv(name);
      if (value == nullptr || *value == '\0') continue;
      const std::string_view proxy(value);
      const auto at = proxy.rfind('@');  // a password before it is nobody's business
      add(Level::ok, "proxy",
          std::format("{} is {}: requests to providers use it, requests to this machine do not", name,
                      at == std::string_view::npos ? proxy : proxy.substr(at + 1)));
    }
  }

  /// Whether a file could be made there, without making one.
  void examine_folder(const std::string& directory) {
    const char* const home = std::getenv("HOME");
    auto path =
        directory.starts_with("~/") && home != nullptr ? fs::path(home) / directory.substr(2) : fs::path(directory);
    std::error_code code;
    const bool is_there = fs::exists(path, code);
    while (!fs::exists(path, code) && path.has_parent_path() && path != path.parent_path()) path = path.parent_path();
    if (path.empty()) path = ".";
    if (!fs::is_directory(path, code) || ::access(path.c_str(), W_OK | X_OK) != 0) {
      add(Level::failure, "cache",
          std::format("`{}` cannot be written; name another `directory` under [cache]", directory));
      return;
    }
    const auto space = fs::space(path, code);
    if (!code && space.available < 50'000'000)
      add(Level::warning, "cache",
          std::format("`{}` has {} MB left; free some space", directory, space.available / 1'000'000));
    else
      add(Level::ok, "cache", std::format("`{}` can be written{}", directory, is_there ? "" : ", and will be made"));
  }

  void examine_cache(const Config& config) {
    const auto& directory = config.cache().directory;
    auto server = config.remote_cache();
    if (is_remote_cache(directory)) server = directory;
    if (!directory.empty() && !is_remote_cache(directory)) examine_folder(directory);
    if (server.empty()) return;
    const auto stats = attempt([&] { return RemoteCache(server).stats(); });
    if (stats) {
      add(Level::ok, "cache", std::format("its server answers, and holds {} replies", stats->entries));
    } else {
      add(Level::warning, "cache", std::format("{}; calls continue without it", stats.error().what()));
    }
  }

#ifdef DSPY_WITH_PROVIDERS
  void examine_lm(const Config& config, const std::string& name, const LmConfig& lm) {
    const auto key = attempt([&] { return config.key(name); });
    if (!key) {
      add(Level::failure, name, key.error().what());
      return;
    }
    std::string variable;
    for (const auto& [option, value] : lm.options)
      if (option == "api_key_env") variable = value;
    examine_model(name, Config::uri(lm), *key, variable);
  }

  static Secret key_of(const Dialect& dialect, const Secret& given, const std::string& variable) {
    if (!given.is_empty()) return given;
    std::vector<std::string> names;
    if (!variable.empty()) names.push_back(variable);
    if (variable.empty())
      for (const auto name : dialect.key_variables)
        if (!name.empty()) names.emplace_back(name);
    for (const auto& each : names)
      if (const char* const value = std::getenv(each.c_str()); value != nullptr && *value != '\0') return Secret(value);
    return {};
  }

  static std::string list_of(const Dialect& dialect, const std::string& base_url) {
    switch (dialect.api) {
      case Api::anthropic: return base_url + "/v1/models";
      case Api::gemini: return base_url + "/v1beta/models";
      case Api::ollama: return base_url + "/api/tags";
      case Api::chat:
      case Api::responses: break;
    }
    return base_url + "/models";
  }

  void examine_model(const std::string& subject, const std::string& uri, const Secret& given,
                     const std::string& variable) {
    if (uri.starts_with("llama:") || !uri.contains('/')) return;  // a model of this machine is tried by itself
    const auto lm = attempt([&] { return made(uri, given); });
    if (!lm) {
      add(Level::failure, subject, lm.error().what());
      return;
    }
    const auto* const remote = dynamic_cast<const ProviderLM*>(lm->get());
    if (remote == nullptr) return;
    const auto& dialect = remote->dialect();
    const auto key = key_of(dialect, given, variable);
    add(Level::ok, subject, std::format("{}: {}", dialect.title, key.is_empty() ? "no key needed" : "there is a key"));
    examine_endpoint(subject, *remote, key);
  }

  static std::shared_ptr<LM> made(const std::string& uri, const Secret& given) {
    if (given.is_empty()) return lm(uri);
    const auto reference = hand_over_key(given);
    return lm(std::format("{}{}api_key_ref={}", uri, uri.contains('?') ? "&" : "?", reference));
  }

  void examine_endpoint(const std::string& subject, const ProviderLM& lm, const Secret& key) {
    const auto& dialect = lm.dialect();
    http::Request request{.method = "GET", .url = list_of(dialect, lm.base_url())};
    request.timeouts.connect = 5s;
    request.timeouts.total = 15s;
    if (dialect.api == Api::anthropic) request.headers.set("anthropic-version", "2023-06-01");
    if (!key.is_empty())
      request.credentials.push_back(
          {.header = std::string(dialect.key_header), .prefix = std::string(dialect.key_prefix), .value = key});
    const auto response = attempt([&] { return wait(http::send(http::default_transport(), std::move(request))); });
    if (!response) {
      add(Level::failure, subject,
          std::format("{}; check the network, the proxy and the base URL", response.error().what()));
      return;
    }
    examine_clock(subject, *response);
    if (response->status == 401 || response->status == 403) {
      add(Level::failure, subject,
          std::format("{} does not accept the key (HTTP {}); create a new one", dialect.title, response->status));
    } else if (response->status != 200) {
      add(Level::warning, subject,
          std::format("{} can be reached, but has no list of models (HTTP {})", dialect.title, response->status));
    } else {
      examine_list(subject, lm, response->body);
    }
  }

  /// TLS, limits and expiry all depend on it.
  void examine_clock(const std::string& subject, const http::Response& response) {
    const auto field = response.headers.find("Date");
    const auto there = field ? http::parse_http_date(*field) : std::nullopt;
    if (!there) return;
    const auto apart = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now() - *there);
    if (apart > 60s || apart < -60s)
      add(Level::warning, subject,
          std::format("this machine's clock differs from the server's by {} s; set it", apart.count()));
  }

  void examine_list(const std::string& subject, const ProviderLM& lm, std::string_view body) {
    std::vector<std::string> names;
    const auto json = parse_json(body);
    const auto* const object = json ? json->if_object() : nullptr;
    for (const auto* const member : {"data", "models"}) {
      const auto* const list = object != nullptr ? object->if_contains(member) : nullptr;
      if (list == nullptr || !list->is_array()) continue;
      for (const auto& each : list->get_array()) {
        if (!each.is_object()) continue;
        for (const auto* const name : {"id", "name"}) {
          const auto* const text = each.get_object().if_contains(name);
          if (text == nullptr || !text->is_string()) continue;
          auto known = std::string(view(text->get_string()));
          if (known.starts_with("models/")) known.erase(0, 7);
          names.push_back(std::move(known));
          break;
        }
      }
    }
    const std::string model(lm.model());
    if (names.empty()) {
      add(Level::warning, subject, "it can be reached, but its list of models cannot be read");
    } else if (std::ranges::contains(names, model) || std::ranges::contains(names, model + ":latest")) {
      add(Level::ok, subject, std::format("it can be reached, and has `{}`", model));
    } else {
      const auto near = text::nearest(model, names);
      add(Level::warning, subject,
          std::format("`{}` is not in its list of {} models{}", model, names.size(),
                      near ? std::format("; did you mean `{}`?", *near) : "; check the name"));
    }
  }
#endif

  std::vector<Finding>& findings_;
};

}  // namespace

void examine_outside(const std::string& model, std::vector<Finding>& findings) {
  Outside(findings).examine(model);
}

}  // namespace dspy::app
