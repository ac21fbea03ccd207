<?php
// A front controller: what it serves is decided by PATH_INFO, or else by the path.
$name = rawurldecode($_SERVER['PATH_INFO'] ?? parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) ?: '');
$name = preg_replace('#/+#', '/', $name);
echo preg_match('#^/(api/)?admin(/|$)#', $name) ? "ADMIN\n" : "PUBLIC\n";
