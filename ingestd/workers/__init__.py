"""The daemon's own pace: decide what has arrived, deliver what was decided, keep deadlines. Never HTTP or SMTP itself."""
