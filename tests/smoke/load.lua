-- For wrk: METHOD and TOKEN from the environment.
wrk.method = os.getenv("METHOD")
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
if wrk.method ~= "GET" then
	wrk.headers["Content-Type"] = "application/json"
	wrk.body = "{}"
end
