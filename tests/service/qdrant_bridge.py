"""The part of Qdrant's REST interface that our store speaks, over the local mode of qdrant-client, which has no server.

Filters and searches are those of Qdrant's own client; what this file adds are the routes and the envelope.

    python qdrant_bridge.py PORT
"""

import http.server
import json
import sys
import urllib.parse

from qdrant_client import QdrantClient, models


def shown(point):
    out = {"id": str(point.id), "payload": point.payload}
    if getattr(point, "score", None) is not None:
        out["score"] = point.score
    if point.vector is not None:
        out["vector"] = list(point.vector)
    return out


def filter_of(body):
    return models.Filter.model_validate(body["filter"]) if "filter" in body else None


class Bridge:
    def __init__(self):
        self.client = QdrantClient(":memory:")

    def answer(self, method, path, body):
        _, _, name, *rest = path.split("/")
        route = "/".join(rest)
        if method == "PUT" and route == "":
            vectors = models.VectorParams(size=body["vectors"]["size"], distance=models.Distance(body["vectors"]["distance"]))
            return self.client.create_collection(name, vectors_config=vectors)
        if not self.client.collection_exists(name):
            return None
        if method == "GET":
            found = self.client.get_collection(name).config.params.vectors
            return {"config": {"params": {"vectors": {"size": found.size, "distance": found.distance.value}}}}
        if method == "PUT":
            points = [models.PointStruct.model_validate(point) for point in body["points"]]
            self.client.upsert(name, points=points)
            return {}
        return getattr(self, "points_" + (rest[1] if len(rest) > 1 else "get"))(name, body)

    def points_get(self, name, body):
        return [shown(point) for point in self.client.retrieve(name, body["ids"], with_payload=True, with_vectors=True)]

    def points_delete(self, name, body):
        wanted = body["points"] if "points" in body else models.FilterSelector(filter=filter_of(body))
        self.client.delete(name, points_selector=wanted)
        return {}

    def points_count(self, name, body):
        return {"count": self.client.count(name, count_filter=filter_of(body), exact=body["exact"]).count}

    def points_query(self, name, body):
        found = self.client.query_points(
            name,
            query=body["query"],
            query_filter=filter_of(body),
            limit=body["limit"],
            with_payload=body["with_payload"],
            with_vectors=body["with_vector"],
        )
        return {"points": [shown(point) for point in found.points]}

    def points_scroll(self, name, body):
        points, following = self.client.scroll(
            name,
            scroll_filter=filter_of(body),
            limit=body["limit"],
            offset=body.get("offset"),
            with_payload=body["with_payload"],
            with_vectors=body["with_vector"],
        )
        return {"points": [shown(point) for point in points], "next_page_offset": following}


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        path = urllib.parse.urlsplit(self.path).path
        status, said = 200, {"status": "ok", "time": 0.0}
        try:
            said["result"] = self.server.bridge.answer(self.command, path, body)
            if said["result"] is None:
                status, said = 404, {"status": {"error": "Not found: Collection doesn't exist!"}}
        except Exception as error:  # noqa: BLE001 - told to who asked
            status, said = 400, {"status": {"error": f"{type(error).__name__}: {error}"}}
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.bridge = Bridge()
    server.serve_forever()
