// A Gin application for the tests with real peers. It takes a free port and says which; its only
// argument is the idle timeout of its keep-alive connections. What happens inside its handlers is
// told on standard output.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"
)

// next lets a stream write its next part.
var next = make(chan struct{})

func stream(c *gin.Context) {
	parts, _ := strconv.Atoi(c.Query("parts"))
	c.Stream(func(w io.Writer) bool {
		fmt.Fprintf(w, "part %d\n", parts)
		c.Writer.Flush()
		parts--
		if parts == 0 {
			return false
		}
		select {
		case <-next:
			return true
		case <-c.Request.Context().Done():
			fmt.Println("stream cancelled")
			return false
		}
	})
}

func slow(c *gin.Context) {
	fmt.Println("slow began")
	select {
	case <-c.Request.Context().Done():
		fmt.Println("slow cancelled:", c.Request.Context().Err())
	case <-time.After(20 * time.Second):
		c.String(http.StatusOK, "slow\n")
	}
}

func wait(c *gin.Context) {
	fmt.Println("wait began")
	<-next
	c.String(http.StatusOK, "waited\n")
}

func echo(c *gin.Context) {
	var body map[string]interface{}
	if err := c.ShouldBindJSON(&body); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
		return
	}
	c.JSON(http.StatusCreated, body)
}

func upload(c *gin.Context) {
	sum := sha256.New()
	count, err := io.Copy(sum, c.Request.Body)
	if err != nil {
		fmt.Println("upload broken:", err)
		c.Status(http.StatusBadRequest)
		return
	}
	c.JSON(http.StatusOK, gin.H{"bytes": count, "sha256": hex.EncodeToString(sum.Sum(nil)),
		"length": c.Request.ContentLength})
}

func download(c *gin.Context) {
	size, _ := strconv.Atoi(c.Query("bytes"))
	data := make([]byte, size)
	rand.New(rand.NewSource(1)).Read(data)
	sum := sha256.Sum256(data)
	c.Header("X-Sha256", hex.EncodeToString(sum[:]))
	c.Data(http.StatusOK, "application/octet-stream", data)
}

func application() http.Handler {
	app := gin.New()
	app.POST("/next", func(c *gin.Context) {
		next <- struct{}{}
		c.Status(http.StatusNoContent)
	})
	// Outside of Recovery: net/http cuts the connection.
	app.GET("/abort", func(c *gin.Context) { panic(http.ErrAbortHandler) })
	app.POST("/abort", func(c *gin.Context) { panic(http.ErrAbortHandler) })
	app.GET("/cut", func(c *gin.Context) {
		c.Writer.WriteString("the beginning\n")
		c.Writer.Flush()
		panic(http.ErrAbortHandler)
	})
	safe := app.Group("/", gin.RecoveryWithWriter(io.Discard))
	safe.GET("/ping", func(c *gin.Context) { c.String(http.StatusOK, "pong\n") })
	safe.HEAD("/ping", func(c *gin.Context) { c.String(http.StatusOK, "pong\n") })
	safe.POST("/echo", echo)
	safe.GET("/stream", stream)
	safe.GET("/slow", slow)
	safe.POST("/slow", slow)
	safe.GET("/wait", wait)
	safe.POST("/upload", upload)
	safe.GET("/download", download)
	safe.GET("/panic", func(c *gin.Context) { panic("on purpose") })
	return app
}

func main() {
	gin.SetMode(gin.ReleaseMode)
	idle, err := time.ParseDuration(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: application(), IdleTimeout: idle}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	done := make(chan error)
	go func() {
		<-stop
		fmt.Println("shutting down")
		done <- server.Shutdown(context.Background())
	}()
	fmt.Printf("listening on %d\n", listener.Addr().(*net.TCPAddr).Port)
	if err := server.Serve(listener); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	if err := <-done; err != nil {
		log.Fatal(err)
	}
}
