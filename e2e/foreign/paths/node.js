// Two Node servers: the first compares paths as they were sent, without case, as Express does; the
// second parses and decodes them: node node.js PORT PORT
const http = require("http");
const path = require("path");

const isAdmin = (name) => /^\/(api\/)?admin(\/|$)/.test(name);
const start = (port, read) =>
  http
    .createServer((request, response) => {
      let name;
      try {
        name = read(request.url);
      } catch {
        response.writeHead(400);
      }
      response.end(name && isAdmin(name) ? "ADMIN\n" : "PUBLIC\n");
    })
    .listen(port, "127.0.0.1");

start(process.argv[2], (url) => url.split("?")[0].toLowerCase());
start(process.argv[3], (url) => {
  const decoded = decodeURIComponent(new URL(url, "http://localhost").pathname);
  return path.posix.normalize(new URL(decoded.replace(/^\/+/, "/"), "http://localhost").pathname);
});
