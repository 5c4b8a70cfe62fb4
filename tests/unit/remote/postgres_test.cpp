#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/retrieve/filter.hpp"
#include "dspy/retrieve/remote/remote_store.hpp"
#include "retrieve/remote/postgres/postgres_uri.hpp"
#include "retrieve/remote/postgres/sql_filter.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace dspy;
using remote::SqlValues;

namespace {

std::string message_of(std::string_view uri) {
  try {
    remote::read_postgres_uri(uri);
  } catch (const Error& error) {
    CHECK(error.code() == Errc::config_error);
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("a filter becomes a condition whose names and values are parameters") {
  SqlValues values;
  const auto hostile = "x' or true --";
  CHECK(remote::sql_filter(Filter::eq(hostile, "a'; drop table passages; --"), values) ==
        "coalesce((metadata -> $1::text) = $2::jsonb, false)");
  CHECK(values == SqlValues{hostile, R"("a'; drop table passages; --")"});

  values.clear();
  CHECK(remote::sql_filter(Filter::ne("year", 2) && !Filter::exists("tags"), values) ==
        "(not coalesce((metadata -> $1::text) = $2::jsonb, false) and not ((metadata -> $3::text) is not null))");
  values.clear();
  CHECK(remote::sql_filter(Filter::in("lang", {}), values) == "false");
  CHECK(remote::sql_filter(Filter::any({}), values) == "false");
  CHECK(remote::sql_filter({}, values) == "true");
  CHECK(values.empty());
}

TEST_CASE("values of another kind are neither above nor below") {
  SqlValues values;
  CHECK(remote::sql_filter(Filter::gte("year", 2020.5), values) ==
        "(case jsonb_typeof(metadata -> $1::text) when 'number' then ((metadata -> $1::text) #>> '{}')::numeric >= "
        "$2::numeric else false end)");
  values.clear();
  CHECK(remote::sql_filter(Filter::lt("id", "b"), values) ==
        "(case jsonb_typeof(to_jsonb(id)) when 'string' then ((to_jsonb(id)) #>> '{}') collate \"C\" < $1::text else "
        "false end)");
}

TEST_CASE("what PostgreSQL cannot keep is refused before it is cut") {
  SqlValues values;
  CHECK_THROWS_WITH_AS(remote::placed(values, std::string("a\0b", 3)),
                       "a value for the postgres server has a zero byte, which PostgreSQL cannot keep; take it out",
                       Error);
  const Json nested(JsonObject{{"a", JsonArray{std::string("x\0", 2)}}});
  CHECK_THROWS_AS(remote::require_no_zero_byte(nested, "it"), Error);
}

TEST_CASE("vectors as pgvector writes them") {
  CHECK(remote::vector_text({0.5F, -1, 1e-7F}) == "[0.5,-1,1e-07]");
  CHECK(remote::vector_of_text("[0.5,-1,1e-07]") == std::vector<float>{0.5F, -1, 1e-7F});
  for (const auto* const text : {"", "[", "1,2", "[1;2]", "[x]"}) CHECK_THROWS_AS(remote::vector_of_text(text), Error);
}

TEST_CASE("a URI is libpq's, with a table and an index of ours") {
  const auto uri =
      remote::read_postgres_uri("postgres://me:secret@db:5433/docs?sslmode=require&table=app.notes&index=hnsw");
  CHECK(uri.address.reveal() == "postgres://me:secret@db:5433/docs?sslmode=require&connect_timeout=10");
  CHECK(uri.table == R"("app"."notes")");
  CHECK(uri.wants_index);
  CHECK(remote::read_postgres_uri("postgresql:///docs").table == R"("passages")");
  for (const auto* const bad : {"postgres://u:hidden@h/d?table=a\"b", "postgres://u:hidden@h/d?table=",
                                "postgres://u:hidden@h/d?table=.x", "postgres://u:hidden@h/d?index=ivf", "hidden"})
    CHECK_FALSE(message_of(bad).contains("hidden"));
}

TEST_CASE("a server that is not there is told without the password") {
  RemoteStoreOptions options;
  options.attempts = 1;
  try {
    const auto store = postgres_store("postgres://me:hidden@127.0.0.1:1/docs", options);
    wait(store->count());
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK((error.code() == Errc::unavailable || error.code() == Errc::config_error));  // built without libpq
    CHECK_FALSE(std::string_view(error.what()).contains("hidden"));
  }
}
