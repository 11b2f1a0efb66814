// The page without a connection looks again by itself once there is one.

addEventListener("online", () => location.reload());
