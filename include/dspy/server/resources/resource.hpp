#pragma once

#include "dspy/base/async.hpp"
#include "dspy/base/json.hpp"
#include "dspy/server/http.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Everything that is stored is a resource: a value that says its fields, relations and actions, and who may do what.
// The HTTP API, the listing of the command line, the page's tables, the OpenAPI document and the authorisation all come
// from it.  A new resource is one entry.

namespace dspy::server {

/// A member of a resource's items.
struct ResourceField {
  std::string name = {};
  std::string type = "str";  ///< In the notation of signatures, or `json`, `datetime`, `usd`.
  std::string title = {};    ///< Empty: the name in words.
  bool is_sortable = false;
  bool is_searchable = false;  ///< `q` looks into it.
};

/// A field that holds another resource's id.
struct ResourceRelation {
  std::string field = {};
  std::string to = {};
};

/// What a list is asked for.
struct ResourceQuery {
  Caller caller = {};
  std::string text = {};                                         ///< `q`
  std::map<std::string, std::string, std::less<>> filters = {};  ///< Field by field.
  std::string sort = {};                                         ///< Empty: the resource's own order.
  bool descending = false;
  std::size_t limit = 50;
  std::string cursor = {};
};

struct ResourcePage {
  std::vector<JsonObject> items = {};
  std::string next = {};  ///< Empty: there are no more.
  std::optional<std::size_t> total = {};
};

/// What an action is given: the checked inputs, and the item's id where it is on one.
struct ActionCall {
  Caller caller = {};
  std::string id = {};
  JsonObject inputs = {};
};

struct ResourceAction {
  enum class On { one, all };

  std::string name = {};
  std::string title = {};   ///< Empty: the name in words.
  std::string inputs = {};  ///< In the notation of signatures, such as `other: str, k: Optional[int]`.
  On on = On::one;
  bool needs_confirmation = false;
  std::string scope = {};  ///< Empty: the resource's `write` scope.
  std::function<Async<Json>(ActionCall call)> run = {};
};

/// A list within an item, such as the rows of a dataset.
struct ResourcePart {
  std::string name = {};
  std::function<Async<ResourcePage>(std::string id, ResourceQuery query)> list = {};
};

struct Resource {
  std::string name = {};   ///< As in `/api/{name}`.
  std::string title = {};  ///< Empty: the name in words.
  std::vector<ResourceField> fields = {};
  std::vector<ResourceRelation> relations = {};
  std::vector<ResourceAction> actions = {};
  std::vector<ResourcePart> parts = {};
  /// Of the caller's tenant, as everything here.
  std::function<Async<ResourcePage>(ResourceQuery query)> list = {};
  /// The whole of one, or nothing.
  std::function<Async<std::optional<JsonObject>>(Caller caller, std::string id)> get = {};

  std::string read_scope() const { return name + ":read"; }
  std::string write_scope() const { return name + ":write"; }
};

/// The page of a list that lies in memory: searched, filtered and sorted by the resource's fields.  Throws `Error`
/// (`bad_input`) for a field, sort or cursor that is none.
ResourcePage page_of(std::vector<JsonObject> items, const std::vector<ResourceField>& fields,
                     const ResourceQuery& query);

}  // namespace dspy::server
