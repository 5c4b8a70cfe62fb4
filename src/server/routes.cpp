#include "dspy/server/routes.hpp"

#include "dspy/base/async.hpp"
#include "dspy/base/log.hpp"
#include "dspy/base/text.hpp"
#include "dspy/server/admission.hpp"
#include "dspy/server/http.hpp"
#include "server/followed.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <exception>
#include <format>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::array methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};

/// A segment of a pattern.
struct Segment {
  enum class Kind { literal, verb, parameter, rest };

  Kind kind = Kind::literal;
  std::string text = {};  ///< The literal, or the verb.
  std::string name = {};  ///< Of the parameter.
};

[[noreturn]] void refuse(const Route& route, std::string_view why) {
  throw Error(Errc::invalid_parameter,
              std::format("the route `{} {}` cannot be served: {}", route.method, route.path, why));
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Segment segment_of(const Route& route, std::string_view text) {
  if (!text.starts_with('{')) {
    if (text.find_first_of("{}") != std::string_view::npos) refuse(route, "a parameter must begin its segment");
    return {.text = std::string(text)};
  }
  const auto end = text.find('}');
  if (end == std::string_view::npos) refuse(route, "a `{` is not closed");
  auto name = text.substr(1, end - 1);
  const auto after = text.substr(end + 1);
  const bool is_rest = name.ends_with("...");
  if (is_rest) name.remove_suffix(3);
  if (!is_name(name)) refuse(route, "a parameter's name is letters, digits and `_`");
  if (is_rest) {
    if (!after.empty()) refuse(route, "nothing can follow `{name...}`");
    return {.kind = Segment::Kind::rest, .name = std::string(name)};
  }
  if (after.empty()) return {.kind = Segment::Kind::parameter, .name = std::string(name)};
  if (!after.starts_with(':') || !is_name(after.substr(1))) refuse(route, "after `{name}` only `:verb` can stand");
  return {.kind = Segment::Kind::verb, .text = std::string(after), .name = std::string(name)};
}

/// Takes the first segment off a path that begins with `/`.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const auto end = std::min(path.find('/'), path.size());
  const auto out = path.substr(0, end);
  path.remove_prefix(end);
  return out;
}

/// A path as an error message has it.
std::string shown(std::string_view path) {
  constexpr std::size_t most = 200;
  if (path.size() <= most) return std::format("`{}`", path);
  auto end = most;
  while (end > 0 && (static_cast<unsigned char>(path[end]) & 0xC0U) == 0x80U) --end;
  return std::format("`{}…`", path.substr(0, end));
}

HttpResponse no_route(const HttpRequest& request, const std::vector<std::string>& allowed, const ErrorForm& form) {
  if (allowed.empty())
    return error_response(
        HttpError(404, Errc::bad_input,
                  std::format("there is nothing at {}; GET /openapi.json lists the endpoints", shown(request.path))),
        form);
  std::string header;
  for (const auto& method : allowed) header += (header.empty() ? "" : ", ") + method;
  return error_response(HttpError(405, Errc::bad_input,
                                  std::format("{} takes {}", shown(request.path), text::enumerate(allowed, "", "or")),
                                  {}, {{.name = "Allow", .value = header}}),
                        form);
}

Async<HttpResponse> refused(HttpRequest request, std::vector<std::string> allowed, ErrorForm form) {
  co_return no_route(request, allowed, form);
}

bool is_work(const Route& route) {
  return route.is_work.value_or(route.method == "POST" && route.path.starts_with("/v1/"));
}

/// Gives the admission back when the last of the body has been sent.
void keep_until_sent(HttpResponse& response, std::shared_ptr<void> pass) {
  if (!response.stream || !pass) return;
  response.stream = [stream = std::move(response.stream), pass = std::move(pass)](BodyWriter& writer) {
    return stream(writer);
  };
}

/// Bodies are read as they are: a compressed one would be taken for something else.
void require_plain_body(const HttpRequest& request) {
  const auto coding = request.headers.find("Content-Encoding");
  if (!coding || coding->empty() || text::equals_ignoring_case(*coding, "identity")) return;
  throw HttpError(415, Errc::unsupported, "compressed bodies are not read; send it without Content-Encoding", {},
                  {{.name = "Accept-Encoding", .value = "identity"}});
}

Async<HttpResponse> run(const Routes& routes, const Route& route, std::shared_ptr<Admission> admission,
                        HttpRequest request) {
  try {
    request.caller = co_await routes.admit(request, route.scope);
    require_plain_body(request);
    std::shared_ptr<void> pass;
    if (admission && is_work(route)) pass = co_await admission->enter(request.stop);
    std::optional<Followed> followed;
    if (route.method == "GET" && route.document.streams) followed.emplace(request);
    const auto caller = request.caller;
    auto response = co_await route.handler(std::move(request));
    if (followed && response.stream)
      followed->end_with_key(response, [&routes, caller, &route] { return routes.still_admits(caller, route.scope); });
    keep_until_sent(response, std::move(pass));
    co_return response;
  } catch (const Error& error) {
    if (status_of(error) >= 500)
      log(LogLevel::warning, "server", std::format("{} {}: {}", route.method, route.path, error.what()));
    co_return error_response(error, route.errors);
  } catch (const std::exception& error) {
    log(LogLevel::error, "server", std::format("{} {}: {}", route.method, route.path, error.what()));
    co_return error_response(Error(Errc::inference_failed, "the server failed; its log says why"), route.errors);
  }
}

/// The route of a method, and its parameters' names in the order of the path.
struct Leaf {
  const Route* route = nullptr;
  std::vector<std::string> names = {};
};

}  // namespace

struct Routes::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals = {};
  std::map<std::string, std::unique_ptr<Node>, std::less<>> verbs = {};
  std::unique_ptr<Node> parameter = {};
  std::unique_ptr<Node> rest = {};
  std::map<std::string, Leaf, std::less<>> leaves = {};  ///< By method.

  Node& child(const Segment& segment) {
    auto& place = segment.kind == Segment::Kind::literal ? literals[segment.text]
                  : segment.kind == Segment::Kind::verb  ? verbs[segment.text]
                  : segment.kind == Segment::Kind::rest  ? rest
                                                         : parameter;
    if (!place) place = std::make_unique<Node>();
    return *place;
  }

  /// Walks to the nodes that a path leads to, the most literal first, until `at` takes one.
  bool walk(std::string_view path, std::vector<std::string_view>& values,
            const std::function<bool(const Node&)>& at) const {
    if (path.empty()) return !leaves.empty() && at(*this);
    auto after = path;
    const auto segment = take_segment(after);
    if (const auto it = literals.find(segment); it != literals.end() && it->second->walk(after, values, at))
      return true;
    const auto with = [&](std::string_view value, const Node& node, std::string_view remaining) {
      values.push_back(value);
      if (node.walk(remaining, values, at)) return true;
      values.pop_back();
      return false;
    };
    for (const auto& [verb, node] : verbs) {
      if (segment.size() > verb.size() && segment.ends_with(verb) &&
          with(segment.substr(0, segment.size() - verb.size()), *node, after))
        return true;
    }
    if (parameter && !segment.empty() && with(segment, *parameter, after)) return true;
    return rest && with(path.substr(1), *rest, {});
  }
};

Routes::Routes() : root_(std::make_unique<Node>()) {}
Routes::~Routes() = default;
Routes::Routes(Routes&&) noexcept = default;
Routes& Routes::operator=(Routes&&) noexcept = default;

void Routes::add(Route route) {
  if (!route.handler) refuse(route, "it has no handler");
  if (std::ranges::find(methods, route.method) == methods.end()) refuse(route, "the method is none of HTTP's");
  if (!route.path.starts_with('/')) refuse(route, "a path begins with `/`");
  auto owned = std::make_unique<const Route>(std::move(route));
  Leaf leaf{.route = owned.get()};
  Node* node = root_.get();
  std::string_view path = owned->path;
  bool is_over = false;
  while (!path.empty()) {
    if (is_over) refuse(*owned, "nothing can follow `{name...}`");
    const auto segment = segment_of(*owned, take_segment(path));
    is_over = segment.kind == Segment::Kind::rest;
    if (segment.kind != Segment::Kind::literal) leaf.names.push_back(segment.name);
    node = &node->child(segment);
  }
  if (!node->leaves.emplace(owned->method, std::move(leaf)).second)
    refuse(*owned, "there is a route for the same method and path");
  routes_.push_back(std::move(owned));
}

void Routes::add(std::vector<Route> routes) {
  for (auto& route : routes) add(std::move(route));
}

Routes::Found Routes::find(std::string_view method, std::string_view path) const {
  Found out;
  if (!path.starts_with('/')) return out;
  std::vector<std::string_view> values;
  root_->walk(path, values, [&](const Node& node) {
    auto it = node.leaves.find(method);
    if (it == node.leaves.end() && method == "HEAD") it = node.leaves.find("GET");
    if (it == node.leaves.end()) {
      for (const auto& leaf : node.leaves) out.allowed.push_back(leaf.first);
      return false;
    }
    out.route = it->second.route;
    for (std::size_t i = 0; i < values.size(); ++i) out.parameters.emplace(it->second.names[i], values[i]);
    return true;
  });
  if (out.route) out.allowed.clear();
  std::ranges::sort(out.allowed);
  const auto same = std::ranges::unique(out.allowed);
  out.allowed.erase(same.begin(), same.end());
  return out;
}

bool may(const Caller& caller, std::string_view scope) noexcept {
  return std::ranges::any_of(caller.scopes, [&](const std::string& held) { return held == scope || held == "*"; });
}

Async<Caller> Routes::admit(const HttpRequest& request, const std::string& scope) const {
  // The routes outlive what they answer.
  return [](const Authenticator& authenticator, const HttpRequest& asked, std::string needed) -> Async<Caller> {
    if (!authenticator || needed.empty()) co_return Caller{};
    auto caller = co_await authenticator(asked);
    if (!may(caller, needed))
      throw HttpError(403, Errc::authentication_failed,
                      std::format("this key may not do that; it needs the scope `{}`", needed));
    co_return caller;
  }(authenticator_, request, scope);
}

bool Routes::still_admits(const Caller& caller, const std::string& scope) const {
  return !authenticator_ || !recheck_ || scope.empty() || recheck_(caller, scope);
}

ErrorForm Routes::error_form(std::string_view path) const {
  const Route* nearest = nullptr;
  std::size_t longest = 0;
  for (const auto& route : routes_) {
    auto begin = std::string_view(route->path).substr(0, route->path.find('{'));
    if (begin.ends_with('/')) begin.remove_suffix(1);
    const bool fits = path.starts_with(begin) && (path.size() == begin.size() || path[begin.size()] == '/');
    if (!fits || begin.size() <= longest) continue;
    longest = begin.size();
    nearest = route.get();
  }
  return nearest != nullptr ? nearest->errors : ErrorForm();
}

Async<HttpResponse> Routes::answer(HttpRequest request) const {
  auto found = find(request.method, request.path);
  if (!found.route) return refused(request, std::move(found.allowed), error_form(request.path));
  request.parameters = std::move(found.parameters);
  return run(*this, *found.route, admission_, std::move(request));
}

}  // namespace dspy::server
