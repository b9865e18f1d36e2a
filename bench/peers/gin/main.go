// The Gin peer: the same 13 bytes, release mode, no logger. The port is the only argument.
package main

import (
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	app := gin.New()
	app.Use(gin.Recovery())
	app.GET("/ping", func(c *gin.Context) {
		c.String(http.StatusOK, "finack: pong\n")
	})
	if err := app.Run("127.0.0.1:" + os.Args[1]); err != nil {
		panic(err)
	}
}
